# syntax=docker/dockerfile:1
# Builds and runs the server. Nothing is downloaded but Debian packages and the
# crates of Cargo.lock. State lives in the volume /var/lib/pointsman.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --package pointsman \
 && cp target/release/pointsman /usr/local/bin/pointsman

FROM debian:bookworm-slim
RUN useradd --system --uid 7420 --home-dir /var/lib/pointsman --create-home pointsman
COPY --from=build /usr/local/bin/pointsman /usr/local/bin/pointsman
COPY LICENSE /usr/share/doc/pointsman/LICENSE
USER pointsman
VOLUME /var/lib/pointsman
EXPOSE 7420
STOPSIGNAL SIGTERM
ENTRYPOINT ["pointsman"]
# Without TLS the server listens on loopback only: give it certificates, or share
# the network namespace of what calls it.
CMD ["serve", "--data-dir", "/var/lib/pointsman/data"]
