# A root file system that somebody made, imported as BASE, and perhaps a program of this machine.
ARG BASE
FROM ${BASE}
ARG PROGRAM
ARG UID
ARG GID
USER 0:0
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY program /usr/local/bin
RUN command -v "${PROGRAM}" >/dev/null || { echo "it has no ${PROGRAM} in its PATH"; exit 1; }
RUN grep -q "^[^:]*:[^:]*:${UID}:" /etc/passwd || echo "agent:x:${UID}:${GID}:agent:/tmp:/bin/sh" >> /etc/passwd
COPY --chown=${UID}:${GID} workspace /workspace
WORKDIR /workspace
USER ${UID}:${GID}
