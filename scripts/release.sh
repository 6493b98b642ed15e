#!/usr/bin/env bash
# Build what is published into dist/release, and check it: the wheels of the service and of the Python client, and the
# tarball of the TypeScript client. With --upload, publish it; the operator's tokens come from the environment, where
# twine (TWINE_USERNAME=__token__, TWINE_PASSWORD) and npm (its own configuration) look for them.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
out=dist/release

version_of() { "$python" -c 'import sys, tomllib; print(tomllib.load(open(sys.argv[1], "rb"))["project"]["version"])' "$1"; }
version=$(version_of pyproject.toml)
[ "$version" = "$(version_of clients/python/pyproject.toml)" ] || { echo "the Python client has another version than $version" >&2; exit 1; }
grep -q "\"version\": \"$version\"" clients/typescript/package.json || { echo "the TypeScript client has another version than $version" >&2; exit 1; }

if [ "${1:-}" = --upload ]; then
  [ -z "$(git status --porcelain)" ] || { echo "there are changes that are not committed" >&2; exit 1; }
  [ -n "${TWINE_PASSWORD:-}" ] || { echo "TWINE_PASSWORD is not set: a token for the package index" >&2; exit 1; }
fi

rm -rf "$out"
mkdir -p "$out"
for source in . clients/python; do
  rm -rf "$source/build" # what an earlier build left would be packed again
  "$python" -m build --wheel --no-isolation --outdir "$out" "$source"
done
"$python" -m twine check --strict "$out"/*.whl
if scripts/with_node.sh true 2>/dev/null; then
  (cd clients/typescript && ../../scripts/with_node.sh npm ci --no-fund --no-audit --loglevel=error &&
    ../../scripts/with_node.sh npm pack --silent --pack-destination "../../$out")
else
  echo "npm is missing: without the TypeScript client" >&2
fi
ls -l "$out"

if [ "${1:-}" = --upload ]; then
  "$python" -m twine upload --non-interactive "$out"/*.whl
  for tarball in "$out"/*.tgz; do scripts/with_node.sh npm publish --access public "$tarball"; done
fi
