# Builds the server with its widget, and copies the one binary to a small image.
#
#   docker build -t till .
#   docker run --env-file till.env -e TILL_LISTEN=0.0.0.0:8787 -p 127.0.0.1:8787:8787 \
#     -v till:/var/lib/till till

FROM rust:1.95-trixie AS build
# npm installs wasm-opt and esbuild.
RUN apt-get update && apt-get install --yes --no-install-recommends nodejs npm
WORKDIR /till
COPY . .
RUN cargo xtask widget && cargo build --release --locked --workspace --bin till

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/till --create-home till
COPY --from=build /till/target/release/till /usr/local/bin/till
USER till
# The SQLite database, if DATABASE_URL names no other.
WORKDIR /var/lib/till
VOLUME /var/lib/till
EXPOSE 8787
ENTRYPOINT ["till"]
CMD ["serve"]
