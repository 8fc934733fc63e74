#!/usr/bin/env bash
# Build the server's image, by docker or, where there is no daemon, by buildah; then tell its size and the base's.
#
#   scripts/build_image.sh [NAME]          default: localqa:0.1.0
#
#   BASE_IMAGE=IMAGE     instead of python:3.11-slim-bookworm; with Python 3.11 or newer and venv
#   BUILD_ARGS=FLAGS     more flags for the build, such as `--volume /etc/pip.conf:/etc/pip.conf:ro`
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
  -h | --help) sed -n '2,7s/^# \{0,1\}//p' scripts/build_image.sh; exit 0 ;;
esac
name=${1:-localqa:0.1.0}
base=${BASE_IMAGE:-python:3.11-slim-bookworm}
read -r -a more <<<"${BUILD_ARGS:-}"

if docker info >/dev/null 2>&1; then
  docker build -f docker/Dockerfile --build-arg "BASE_IMAGE=$base" ${more[@]+"${more[@]}"} -t "$name" .
  docker image ls "$name"
  docker image ls "$base"
elif command -v buildah >/dev/null; then
  # Without a daemon and without rights to mount: plain folders, and only a changed root.
  buildah --storage-driver vfs build --isolation chroot --format docker -f docker/Dockerfile --build-arg "BASE_IMAGE=$base" \
    ${more[@]+"${more[@]}"} -t "$name" .
  buildah --storage-driver vfs images "$name"
  buildah --storage-driver vfs images "$base"
else
  printf 'error: there is neither a docker daemon nor buildah.\n  what to do: %s\n' \
    "start docker, or on Debian and Ubuntu: apt install buildah." >&2
  exit 2
fi
