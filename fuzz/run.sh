#!/usr/bin/env bash
# Runs each fuzz target for SECONDS, or only those named: fuzz/run.sh SECONDS [TARGET...]
# It goes on after a finding; the inputs are kept in fuzz/artifacts/TARGET.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:?"usage: fuzz/run.sh SECONDS [TARGET...]"}
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(cargo +nightly fuzz list)
fi
for target in "${targets[@]}"; do
    printf '== %s\n' "$target"
    # Its decoder leaks 48 bytes a picture, which would end each run.
    leaks=1
    [ "$target" = avif ] && leaks=0
    mkdir -p "corpus/$target" "artifacts/$target"
    cargo +nightly fuzz run "$target" "corpus/$target" -- \
        -max_total_time="$seconds" -max_len=200000 -detect_leaks="$leaks" -timeout=2 -malloc_limit_mb=128 -rss_limit_mb=1024 \
        -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 -artifact_prefix="artifacts/$target/" || true
done
find artifacts -type f | sort
