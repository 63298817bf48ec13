#!/usr/bin/env bash
# Builds the image for this machine with Docker, Podman or Buildah, whichever works here, and prints its size.
#
#   image/make.sh [TAG]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bytes_max=$((20 * 1024 * 1024))
version=$(sed -nE 's/^version = "(.*)"/\1/p' Cargo.toml | head -n 1)
tag=${1:-twilio-debugger-exporter:$version}
arguments=(
  --tag "$tag"
  --build-arg "VERSION=$version"
  --build-arg "REVISION=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)"
  .
)
case $(uname -m) in
  x86_64) platform=linux/amd64 ;;
  aarch64 | arm64) platform=linux/arm64 ;;
  *) platform=linux/$(uname -m) ;;
esac

if docker info >/dev/null 2>&1; then
  DOCKER_BUILDKIT=1 docker build --platform "$platform" "${arguments[@]}"
  bytes=$(docker image inspect --format '{{.Size}}' "$tag")
elif podman info >/dev/null 2>&1; then
  podman build --platform "$platform" "${arguments[@]}"
  bytes=$(podman image inspect --format '{{.Size}}' "$tag")
elif buildah info >/dev/null 2>&1; then
  buildah build --platform "$platform" "${arguments[@]}"
  # Buildah tells sizes only rounded.
  archive=$(mktemp -u)
  buildah push --quiet "$tag" "docker-archive:$archive"
  bytes=$(stat --format %s "$archive")
  rm "$archive"
else
  echo "make.sh: no builder works here: install Docker (and start it), Podman or Buildah" >&2
  exit 1
fi

awk -v bytes="$bytes" -v tag="$tag" 'BEGIN { printf "%s: %.1f MiB\n", tag, bytes / 1048576 }'
if ((bytes > bytes_max)); then
  echo "make.sh: the image is larger than $((bytes_max / 1048576)) MiB" >&2
  exit 1
fi
