# build   compile huntc, and the project's own detections against the goldens
# test    everything that has to hold: what CI runs
# golden  write the goldens anew
# check   test, and the goldens are what "make golden" writes
# bench   the figures of the README
# release binaries for all platforms in dist/, the same bytes wherever they are made

GO ?= go
FUZZTIME ?= 4s

.PHONY: build test golden check bench lint fuzz release

build:
	$(GO) build -o bin/huntc ./cmd/huntc
	bin/huntc build detections --check

test: lint
	$(GO) test -timeout 20m ./...
	GO="$(GO)" FUZZTIME="$(FUZZTIME)" ./tools/fuzz.sh

lint:
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...

fuzz:
	GO="$(GO)" FUZZTIME="$(FUZZTIME)" ./tools/fuzz.sh

golden:
	$(GO) build -o bin/huntc ./cmd/huntc
	bin/huntc build detections --update

check: test golden
	git diff --exit-code -- golden
	test -z "$$(git ls-files --others --exclude-standard golden)"

bench:
	$(GO) test -run '^$$' -bench . -benchmem -timeout 30m ./compiler

release:
	GO="$(GO)" ./tools/release.sh dist
