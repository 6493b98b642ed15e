#!/usr/bin/env bash
# Run a command with a Node.js that is new enough first on the PATH: the system's, or the one that
# the extra `web` puts into .venv (many distributions carry an older one).
set -euo pipefail
venv=$(cd "$(dirname "$0")/.." && pwd)/.venv/bin

new_enough() { # $1: a folder in front of the PATH, or nothing
  PATH=${1:+$1:}$PATH node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1);' 2>/dev/null &&
    PATH=${1:+$1:}$PATH command -v npm >/dev/null
}

if ! new_enough ""; then
  if [ -x "$venv/node" ] && new_enough "$venv"; then
    PATH=$venv:$PATH
  else
    echo "The studio is built and tested with npm and Node.js 20.19 or newer; there is none here. This installs one:" >&2
    echo "  .venv/bin/python -m pip install -c constraints.txt -e '.[web]'" >&2
    exit 1
  fi
fi
exec "$@"
