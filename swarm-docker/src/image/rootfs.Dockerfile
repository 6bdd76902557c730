# A root file system that somebody made, imported as BASE, and perhaps a program of this machine.
ARG BASE
FROM ${BASE}
ARG PROGRAM
ARG SAYS
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
# A program that is another one would fail in every agent, and nobody could tell what that did cost.
RUN set -eu; \
    [ -n "${SAYS}" ] || exit 0; \
    said="$(HOME=/nonexistent "${PROGRAM}" --version </dev/null)" || said="nothing of use"; \
    rm -rf /tmp/* /tmp/.[!.]* 2>/dev/null || :; \
    case "$said" in ${SAYS}) exit 0 ;; esac; \
    echo "it is no ${PROGRAM}: to --version it says \"$said\""; \
    exit 1
