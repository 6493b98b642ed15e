#!/usr/bin/env bash
# Write the digests that the images' tags have at this moment into .env, where docker compose reads them; the
# Dockerfile takes the one of Python as --build-arg PYTHON_IMAGE=... Needs docker and the registry.
set -euo pipefail
cd "$(dirname "$0")/.."

touch .env
for pair in PYTHON_IMAGE=python:3.12-slim NATS_IMAGE=nats:2-alpine POSTGRES_IMAGE=postgres:17-alpine; do
  name=${pair%%=*} tag=${pair#*=}
  digest=$(docker buildx imagetools inspect "$tag" --format '{{.Manifest.Digest}}')
  case $digest in sha256:*) ;; *) echo "the registry told no digest of $tag" >&2; exit 1 ;; esac
  grep -v "^$name=" .env >.env.new || true
  echo "$name=$tag@$digest" >>.env.new
  mv .env.new .env
  echo "$name=$tag@$digest"
done
