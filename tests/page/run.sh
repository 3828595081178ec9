#!/usr/bin/env bash
# Runs the page's tests in a real browser with the program at EIDETIC_BIN, or the one that `cargo build` makes.
# Installs Chromium and Node.js if they are missing (Debian).
set -euo pipefail
cd "$(dirname "$0")"

export CHROMIUM="${CHROMIUM:-/usr/bin/chromium}"
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

if [ ! -x "$CHROMIUM" ]; then
    as_root apt-get update -q
    as_root apt-get install -q -y --no-install-recommends chromium fonts-liberation
fi
if ! command -v npm >/dev/null; then
    as_root apt-get update -q
    as_root apt-get install -q -y --no-install-recommends nodejs npm
fi

if [ "$(node -p 'parseInt(process.versions.node)')" -lt 20 ]; then
    echo "tests/page needs Node.js 20 or newer; this is $(node --version)" >&2
    exit 1
fi

if [ -n "${EIDETIC_BIN:-}" ]; then
    case "$EIDETIC_BIN" in /*) ;; *) EIDETIC_BIN="$OLDPWD/$EIDETIC_BIN" ;; esac
    export EIDETIC_BIN
else
    (cd ../.. && cargo build --quiet)
fi

npm ci --no-audit --no-fund --loglevel=error
node --test --test-concurrency=1 --test-reporter=spec page.test.mjs states.test.mjs confidence.test.mjs match.test.mjs review.test.mjs token.test.mjs
