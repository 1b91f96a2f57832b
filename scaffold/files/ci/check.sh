#!/bin/sh
# What has to hold of every change. CI runs exactly this; so can you.
set -u
cd "$(dirname "$0")/.." || exit 2
packages=$(mktemp -d) || exit 2
trap 'rm -rf "$packages"' EXIT
failed=0
if huntc build --check; then
    # What builds can be deployed too.
    huntc package splunk --out "$packages" || failed=1
    huntc package defender --out "$packages" || failed=1
else
    failed=1
fi
huntc fmt --check || failed=1
huntc test || failed=1
exit $failed
