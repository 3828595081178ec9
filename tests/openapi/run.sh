#!/usr/bin/env bash
# Validates the OpenAPI document, sends requests made from it to a server, and makes clients of it that must work, with the
# program at EIDETIC_BIN, or the one that `cargo build` makes. Installs Python and Node.js if they are missing (Debian).
set -euo pipefail
cd "$(dirname "$0")"

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    as_root apt-get update -q
    as_root apt-get install -q -y --no-install-recommends python3 python3-venv
fi
if ! command -v npm >/dev/null; then
    as_root apt-get update -q
    as_root apt-get install -q -y --no-install-recommends nodejs npm
fi

if [ -n "${EIDETIC_BIN:-}" ]; then
    case "$EIDETIC_BIN" in /*) ;; *) EIDETIC_BIN="$OLDPWD/$EIDETIC_BIN" ;; esac
else
    (cd ../.. && cargo build --quiet)
    EIDETIC_BIN="$PWD/../../target/debug/eidetic"
fi

python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
npm ci --no-audit --no-fund --loglevel=error

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT

# A server behind a proxy, so that random folders are not indexed and random models not loaded.
export EIDETIC_TOKEN=correct-horse-battery-staple
"$EIDETIC_BIN" demo --listen 127.0.0.1:0 --allow-host openapi.test 2>"$work/log" &
server=$!
address=
for _ in $(seq 600); do
    address=$(grep -o 'http://127\.0\.0\.1:[0-9]*' "$work/log" || true)
    [ -z "$address" ] || break
    kill -0 "$server" || { cat "$work/log" >&2; exit 1; }
    sleep 0.2
done
[ -n "$address" ] || { cat "$work/log" >&2; exit 1; }
export ADDRESS="$address"

echo "-- the document is valid OpenAPI 3.1"
.venv/bin/python fetch.py /openapi.json >"$work/openapi.json"
.venv/bin/python -m openapi_spec_validator --errors all "$work/openapi.json"

echo "-- requests made from it are answered as it says, and never with 5xx"
image=$(.venv/bin/python fetch.py '/v1/search?text=red+apple&k=1' | .venv/bin/python -c 'import json, sys; print(json.load(sys.stdin)["hits"][0]["image"])')
sed "s/IMAGE/$image/" schemathesis.toml >"$work/schemathesis.toml"
.venv/bin/schemathesis --config-file "$work/schemathesis.toml" run "$work/openapi.json" --url "$ADDRESS" \
    --header "Authorization: Bearer $EIDETIC_TOKEN"

echo "-- a Python client works"
PATH="$PWD/.venv/bin:$PATH" openapi-python-client generate --path "$work/openapi.json" --meta none \
    --output-path "$work/eidetic_client" --overwrite >"$work/client.log" 2>&1 || { cat "$work/client.log"; exit 1; }
.venv/bin/python -W error -m compileall -q "$work/eidetic_client"
PYTHONPATH="$work" .venv/bin/python client_test.py "$image"

echo "-- a TypeScript client works"
npx --no-install openapi-typescript "$work/openapi.json" -o schema.d.ts >"$work/types.log" || { cat "$work/types.log"; exit 1; }
npx --no-install tsc
node client-test.js "$image"
