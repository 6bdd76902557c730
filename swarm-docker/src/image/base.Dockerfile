# The image of command agents, on another image as it is.
ARG BASE
FROM ${BASE}
ARG UID
ARG GID
COPY --chown=${UID}:${GID} workspace /workspace
WORKDIR /workspace
USER ${UID}:${GID}
