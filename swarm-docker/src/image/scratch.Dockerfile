# An image of files of this machine: a busybox and nothing else.
FROM scratch
ARG UID
ARG GID
COPY root /
# The links are made by the busybox itself, inside: it need not be able to run on this machine.
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY --chown=${UID}:${GID} workspace /workspace
WORKDIR /workspace
USER ${UID}:${GID}
ENV PATH=/usr/local/bin:/bin
