#!/bin/sh
# Builds the image's binary, linked statically, and prints where it is. The Dockerfile and the tests both run this.
#
#   image/build.sh [ARCHITECTURE]      amd64 or arm64; by default this machine's
#
# Against glibc and not musl: it is the C library that the tests and the benchmark run on, and its allocator does not make every thread
# wait for one lock. Linked statically, glibc resolves names by itself as long as /etc/nsswitch.conf asks for nothing but files and DNS.
set -eu
cd "$(dirname "$0")/.."

case ${1:-$(uname -m)} in
  amd64 | x86_64) cpu=x86_64 ;;
  arm64 | aarch64) cpu=aarch64 ;;
  *)
    echo "build.sh: no image for $1; there is one for amd64 and one for arm64" >&2
    exit 2
    ;;
esac

target=$cpu-unknown-linux-gnu
if [ "$cpu" != "$(uname -m)" ]; then
  export "CARGO_TARGET_$(echo "$target" | tr 'a-z-' 'A-Z_')_LINKER=$cpu-linux-gnu-gcc"
fi
# Naming the target keeps the flag away from build scripts and procedural macros, which cannot be static.
RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" >&2
echo "${CARGO_TARGET_DIR:-$PWD/target}/$target/release/twilio-debugger-exporter"
