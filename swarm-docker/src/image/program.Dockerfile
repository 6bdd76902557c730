# An image of files of this machine: a busybox, and the program of a kind with what it needs.
FROM scratch
ARG PROGRAM
ARG SAYS
ARG UID
ARG GID
COPY root /
# The links are made by the busybox itself, inside: it need not be able to run on this machine.
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY --chown=${UID}:${GID} workspace /workspace
WORKDIR /workspace
USER ${UID}:${GID}
ENV PATH=/usr/local/bin:/bin
# A program that is another one would fail in every agent, and nobody could tell what that did cost.
RUN set -eu; \
    [ -n "${SAYS}" ] || exit 0; \
    said="$(HOME=/nonexistent "${PROGRAM}" --version </dev/null)" || said="nothing of use"; \
    rm -rf /tmp/* /tmp/.[!.]* 2>/dev/null || :; \
    case "$said" in ${SAYS}) exit 0 ;; esac; \
    echo "it is no ${PROGRAM}: to --version it says \"$said\""; \
    exit 1
