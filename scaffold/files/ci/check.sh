#!/bin/sh
# What has to hold of every change. CI runs exactly this; so can you.
set -u
cd "$(dirname "$0")/.." || exit 2
failed=0
huntc build --check || failed=1
huntc fmt --check || failed=1
huntc test || failed=1
exit $failed
