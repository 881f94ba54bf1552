# Shunt's image, built from source. Targets: `shunt` (the sidecar) and `tests`.
# Where no Rust image can be had, script/images builds the same with docker/prebuilt.Dockerfile.
ARG IMAGE_RUST=rust:1.95-bookworm
ARG IMAGE_BASE=debian:bookworm-slim

FROM ${IMAGE_RUST} AS build
WORKDIR /src
COPY . .
RUN script/stage-binaries

FROM ${IMAGE_BASE} AS shunt
COPY --from=build /src/docker/bin/shunt /usr/local/bin/shunt
COPY docker/shunt.toml /etc/shunt/shunt.toml
USER 65532:65532
EXPOSE 3306
ENTRYPOINT ["shunt"]
CMD ["run", "--config", "/etc/shunt/shunt.toml"]

FROM ${IMAGE_BASE} AS tests
RUN apt-get -qq update \
 && apt-get -qq -y install --no-install-recommends ca-certificates debian-archive-keyring openssl procps python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
COPY --from=build /src/docker/bin docker/bin
CMD ["docker/run-tests"]
