#!/bin/sh
# Runs every fuzz target of the module for a bounded time, from its seeds and
# what stands in its testdata. A target is found by its name, so a new one
# runs without being listed anywhere. What earlier runs found interesting is
# left out: to go through it first would take all of the time.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
time=${FUZZTIME:-8s}
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT

# git names the files, so that node_modules and scratch folders stay out.
git ls-files -co --exclude-standard '*_test.go' | while read -r file; do
	[ -f "$file" ] && grep -Hoe '^func Fuzz[A-Za-z0-9_]*(' "$file" || true
done | sed -e 's|/[^/]*\.go:func | |' -e 's|($||' | sort -u | while read -r dir name; do
	echo "fuzz $dir $name $time"
	status=0
	"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 20x "./$dir" -args "-test.fuzzcachedir=$cache/$dir" >"$cache/log" 2>&1 || status=$?
	cat "$cache/log"
	# Go's engine sometimes ends in an error of its own when the time is up while
	# it shortens an input. A finding says so and is written to testdata.
	if [ "$status" -ne 0 ] && { grep -q 'Failing input written' "$cache/log" || ! grep -q 'context deadline exceeded' "$cache/log"; }; then
		exit 1
	fi
done
