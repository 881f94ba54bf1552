# The images of ../Dockerfile from binaries that script/stage-binaries put into docker/bin: no Rust image needed.
ARG IMAGE_BASE=debian:bookworm-slim
ARG IMAGE_TESTS_BASE=shunt-local/tests-base

FROM ${IMAGE_BASE} AS shunt
COPY docker/bin/shunt /usr/local/bin/shunt
COPY docker/shunt.toml /etc/shunt/shunt.toml
USER 65532:65532
EXPOSE 3306
ENTRYPOINT ["shunt"]
CMD ["run", "--config", "/etc/shunt/shunt.toml"]

FROM ${IMAGE_TESTS_BASE} AS tests
# Where the tests were compiled: they look for their data there.
ARG SOURCE=/src
WORKDIR ${SOURCE}
COPY . .
CMD ["docker/run-tests"]
