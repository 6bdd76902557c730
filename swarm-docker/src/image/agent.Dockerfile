# The image of one kind of agent: its CLI from npm, on a base with apt. Both are fetched while it is built.
ARG BASE
FROM ${BASE}
USER 0:0
# What agents use. A base without npm gets Debian's.
RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get update; \
    apt-get install --yes --no-install-recommends ca-certificates git jq python3 ripgrep; \
    command -v npm >/dev/null || apt-get install --yes --no-install-recommends nodejs npm; \
    rm -rf /var/lib/apt/lists/*
# Not before: they would make the step above, which is the same for each kind, another one.
ARG PACKAGE
ARG PROGRAM
ARG VERSION
RUN set -eu; \
    npm install --global --no-audit --no-fund "${PACKAGE}@${VERSION}"; \
    npm cache clean --force >/dev/null 2>&1; \
    "${PROGRAM}" --version
ARG UID
ARG GID
RUN grep -q "^[^:]*:[^:]*:${UID}:" /etc/passwd || echo "agent:x:${UID}:${GID}:agent:/tmp:/bin/sh" >> /etc/passwd
COPY --chown=${UID}:${GID} workspace /workspace
WORKDIR /workspace
USER ${UID}:${GID}
