# What the tests need besides themselves: the servers that they start and stop, and Python clients. script/images builds
# it from the cache of the machine that it runs on, so that the tests need no network.
ARG IMAGE_BASE=debian:bookworm-slim
FROM ${IMAGE_BASE}
RUN apt-get -qq update \
 && apt-get -qq -y install --no-install-recommends ca-certificates debian-archive-keyring openssl procps python3-venv \
 && rm -rf /var/lib/apt/lists/*
# Where script/servers and script/python-clients look; the servers' launchers name the path.
ARG CACHE
ARG SID
ARG BOOKWORM
COPY ${SID} ${CACHE}/shunt/${SID}
COPY ${BOOKWORM} ${CACHE}/shunt/${BOOKWORM}
COPY python-wheels-1 ${CACHE}/shunt/python-wheels-1
ENV XDG_CACHE_HOME=${CACHE}
