#!/bin/sh
# Runs every fuzz target of the module for a bounded time, from its seeds and
# what stands in its testdata. A target is found by its name, so a new one
# runs without being listed anywhere.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
time=${FUZZTIME:-8s}

# git names the files, so that node_modules and scratch folders stay out.
git ls-files -co --exclude-standard '*_test.go' | while read -r file; do
	[ -f "$file" ] && grep -Hoe '^func Fuzz[A-Za-z0-9_]*(' "$file" || true
done | sed -e 's|/[^/]*\.go:func | |' -e 's|($||' | sort -u | while read -r dir name; do
	echo "fuzz $dir $name $time"
	"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 20x "./$dir"
done
