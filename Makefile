# Voile. `make run` shows it working, `make test` checks it.
GO      ?= go
ARGS    ?=
PKGS    ?= ./...
# Every platform that the library packages must compile for. No C compiler is
# needed: only vet, which type-checks.
CROSS   := linux/amd64 linux/arm64 darwin/arm64 windows/amd64 android/arm64 ios/arm64 js/wasm
# What runs on servers and desktops only.
NATIVE  := /cmd/|/examples/|/interop|/bind/clib$$
FUZZTIME ?= 60s

.PHONY: clib clib-all windows-test all build run test test-race lint cross generate python interop bench bench-micro fuzz soak clean

all: build

build:
	$(GO) build -trimpath -o bin/ ./cmd/...

run: build
	@bin/voile demo $(ARGS)

test: lint cross
	$(GO) test -shuffle=on -timeout 10m $(PKGS)
	$(GO) test -race -shuffle=on -timeout 20m $(PKGS)
	bin/voile demo --once

lint: build
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$out" ]; then echo "not gofmt'ed: $$out"; exit 1; fi
	$(GO) vet $(PKGS)
	$(GO) vet -tags interop ./interop/...
	$(GO) mod verify

cross:
	@for t in $(CROSS); do os=$${t%/*}; arch=$${t#*/}; \
	  case $$os in linux|darwin|windows) pkgs=$$($(GO) list ./...);; *) pkgs=$$($(GO) list ./... | grep -vE '$(NATIVE)');; esac; \
	  cgo=0; [ $$os = ios ] && cgo=1; \
	  echo "vet $$t"; CGO_ENABLED=$$cgo GOOS=$$os GOARCH=$$arch $(GO) vet $$pkgs || exit 1; done

# Writes the Go code of the wire schema again; needs the capnp tool.
generate:
	$(GO) generate ./core/wire/...

# The public Python client against bin/voile: needs Python 3.12.5 or newer and, the
# first time, its packages.
python: build
	@python=$$(examples/python/environment.sh) || { [ $$? = 3 ] && echo "SKIP python" && exit 0; exit 1; }; \
	  PYTHONDONTWRITEBYTECODE=1 $$python examples/python/check.py --start bin/voile $(ARGS)

# The Dart package without Dart: its files against the C headers, the built library and
# the schema of the API. The first time npm fetches the formatter.
.PHONY: dart-check dart-format
dart-check:
	$(GO) test -count=1 -v ./flutter_plugin/check

# Formats the Dart files with what dart-check has fetched.
dart-format:
	$(GO) test -count=1 -run TestFormatted ./flutter_plugin/check -args -write

# Real nodes beside ours in network namespaces; needs root, cargo, iproute2.
interop: build
	$(GO) test -tags interop -count=1 -timeout 60m -v ./interop/... $(ARGS)

bench: build
	$(GO) test -run '^$$' -bench . -benchmem $(PKGS)
	$(GO) run -tags interop ./interop/bench $(ARGS)

bench-micro:
	$(GO) test -run '^$$' -bench . -benchmem $(PKGS)

# Every fuzz target, FUZZTIME each.
fuzz:
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$p || exit 1; done; done

# Long runs.
SOAK  ?= 10m
SEEDS ?= 5000
soak:
	$(GO) test -count=1 -timeout 60m -run Crash ./core/table -kills 200
	VOILE_DHT_SEEDS=$(SEEDS) $(GO) test -count=1 -timeout 120m -run TestModel ./core/dht
	VOILE_SOAK=$(SOAK) $(GO) test -count=1 -timeout 60m -run "TestMutatedBodies|TestBadRecordQuestions" -v ./core/sim

# The C library: of this machine, of every platform, and for Windows under wine.
clib:
	$(GO) run ./bind/clib/dist $(ARGS) host

clib-all:
	$(GO) run ./bind/clib/dist $(ARGS) all

windows-test:
	$(GO) test -tags windowstest -count=1 -timeout 30m -v ./bind/clib/windowstest

clean:
	rm -rf bin
