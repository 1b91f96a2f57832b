#!/bin/sh
# Builds the release binaries and their checksums: tools/release.sh DIR [PLATFORM...]
# Nothing of the machine goes in: no path, no time, no C compiler. Who has the same
# commit and the same Go gets the same bytes.
set -eu
out=${1:?usage: tools/release.sh DIR [PLATFORM...]}
shift
[ $# -gt 0 ] || set -- linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")/.."
version=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)
for platform; do
	os=${platform%/*} arch=${platform#*/}
	name=huntc_${version}_${os}_${arch}
	[ "$os" = windows ] && name=$name.exe
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch GOFLAGS= GOAMD64=v1 \
		"${GO:-go}" build -trimpath -buildvcs=true -ldflags '-s -w -buildid=' -o "$out/$name" ./cmd/huntc
done
cd "$out"
sha256sum huntc_* >SHA256SUMS
cat SHA256SUMS
