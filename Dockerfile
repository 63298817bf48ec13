# One static binary, the authorities it trusts, and nothing that could be run beside it.
#
#   make image                                                       for this machine
#   docker buildx build --platform linux/amd64,linux/arm64 .         for both
#
# The builder runs on the machine's own architecture and cross-compiles: fat LTO under emulation would take an hour.

ARG RUST_VERSION=1.95.0
FROM --platform=$BUILDPLATFORM docker.io/library/rust:${RUST_VERSION}-slim-bookworm AS build
ARG TARGETARCH

# The other architecture's compiler and libraries, where they are needed.
# hadolint ignore=DL3008
RUN set -eu; \
    case "$TARGETARCH" in \
      amd64) gcc=gcc-x86-64-linux-gnu target=x86_64-unknown-linux-gnu ;; \
      arm64) gcc=gcc-aarch64-linux-gnu target=aarch64-unknown-linux-gnu ;; \
      *) echo "no image for $TARGETARCH; there is one for amd64 and one for arm64" >&2; exit 1 ;; \
    esac; \
    if [ "$TARGETARCH" != "$(dpkg --print-architecture)" ]; then \
      apt-get update; \
      apt-get install -y --no-install-recommends "$gcc" "libc6-dev-$TARGETARCH-cross"; \
      rm -rf /var/lib/apt/lists/*; \
      rustup target add "$target"; \
    fi

WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY .cargo .cargo
COPY tests/support/Cargo.toml tests/support/
COPY src src
COPY grafana/rules grafana/rules
COPY image/build.sh image/
ARG REVISION=unknown
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=target-$TARGETARCH \
    mkdir -p /out/store \
    && binary=$(BUILD_REVISION=$REVISION image/build.sh "$TARGETARCH") \
    && cp "$binary" /out/

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="twilio-debugger-exporter" \
      org.opencontainers.image.description="Receives Twilio Debugging Events, makes them durable, counts them for Prometheus and ships them as OTLP log records" \
      org.opencontainers.image.source="https://github.com/twilio-debugger-exporter/twilio-debugger-exporter" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --chmod=644 image/nsswitch.conf /etc/nsswitch.conf
COPY --chmod=644 image/config.yaml /etc/twilio-debugger-exporter/config.yaml
COPY --from=build /out/twilio-debugger-exporter /twilio-debugger-exporter
# Made first: COPY would give the folder above to the owner of the one that it copies.
WORKDIR /var/lib
COPY --from=build --chown=65532:65532 /out/store /var/lib/twilio-debugger-exporter
WORKDIR /var/lib/twilio-debugger-exporter
# The first in place of the file that a mounted one replaces; there is no /tmp for the second.
ENV TWILIO_DEBUGGER_EXPORTER_CONFIG=/etc/twilio-debugger-exporter/config.yaml \
    TMPDIR=/var/lib/twilio-debugger-exporter
# Numeric, so that Kubernetes can see that it is not root.
USER 65532:65532
VOLUME /var/lib/twilio-debugger-exporter
# Twilio's requests, and metrics, health and the landing page.
EXPOSE 8080 9979
ENTRYPOINT ["/twilio-debugger-exporter"]
