# Voile. `make run` shows it working, `make test` checks it.
GO      ?= go
ARGS    ?=
PKGS    ?= ./...
# Packages of one goroutine, which compute for minutes under the race detector.
ALONE   := /internal/wasmslim[a-z/]*
# Every platform that the library packages must compile for. No C compiler is
# needed: only vet, which type-checks.
CROSS   := linux/amd64 linux/arm64 darwin/arm64 windows/amd64 android/arm64 ios/arm64 js/wasm
# What runs on servers and desktops only.
NATIVE  := /cmd/|/examples/|/interop
# Programs need a C compiler of the platform on some: they are thin.
LIBS    := {{if ne .Name "main"}}{{.ImportPath}}{{end}}
FUZZTIME ?= 60s
# The build tag that leaves the debug language out.
LEAN    := nodebugapi

.PHONY: all build run test test-race lint cross generate python image interop bench bench-micro fuzz soak clean \
	web-module web-package web-test dart-check dart-format edge edge-test clib clib-all windows-test android ios mobile-test \
	wasm-test web web-demo-test

all: build

build:
	$(GO) build -trimpath -o bin/ ./cmd/...

run: build
	@bin/voile demo $(ARGS)

test: lint cross
	$(GO) test -shuffle=on -timeout 10m $(PKGS)
	$(GO) test -race -shuffle=on -timeout 20m $$($(GO) list $(PKGS) | grep -v '$(ALONE)$$')
	$(GO) test -tags $(LEAN) -run TestDebug ./core ./bind
	bin/voile demo --once

lint: build
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$out" ]; then echo "not gofmt'ed: $$out"; exit 1; fi
	$(GO) vet $(PKGS)
	$(GO) vet -tags interop ./interop/...
	$(GO) vet -tags $(LEAN) ./core/... ./bind/... ./wasm/...
	$(GO) mod verify

cross:
	@for t in $(CROSS); do os=$${t%/*}; arch=$${t#*/}; cgo=0; [ $$os = ios ] && cgo=1; \
	  case $$os in linux|darwin|windows) pkgs=$$($(GO) list ./...);; \
	    *) pkgs=$$(CGO_ENABLED=$$cgo GOOS=$$os GOARCH=$$arch $(GO) list -f '$(LIBS)' ./... | grep -vE '$(NATIVE)');; esac; \
	  echo "vet $$t"; CGO_ENABLED=$$cgo GOOS=$$os GOARCH=$$arch $(GO) vet $$pkgs || exit 1; done
	GOOS=js GOARCH=wasm $(GO) vet -tags $(LEAN) ./core/... ./bind ./bind/instance ./wasm ./wasm/module

# Writes what is generated again: the Go code of the wire schema, which needs the capnp
# tool, the types of the API and the codes of errors in the other languages.
generate:
	$(GO) generate ./core/wire/...
	$(GO) run ./bind/internal/gents -o web/src/generated/api.ts
	$(GO) generate ./bind/instance ./mobile

# The public Python client against bin/voile: needs Python 3.12.5 or newer and, the
# first time, its packages.
python: build
	@python=$$(examples/python/environment.sh) || { [ $$? = 3 ] && echo "SKIP python" && exit 0; exit 1; }; \
	  PYTHONDONTWRITEBYTECODE=1 $$python examples/python/check.py --start bin/voile $(ARGS)

# Builds the container image and runs it; needs root, buildah, busybox-static.
image:
	packaging/check-image.sh

# The browser: the module, the npm package @voile/node around it, and its tests in Node,
# Chromium and Firefox. npm packages come from a cache that web/tools/install.sh fills.
# The module is made twice: without the debug language and, larger, with it.
# Our own code without inlining is 4 % smaller and costs less time than the smaller
# module saves. bin/voile.wasm.symbols gives the stacks of a crash their names again:
# go run ./internal/wasmslim -trace bin/voile.wasm.symbols < stack.txt
MODULEFLAGS = -trimpath -ldflags='-s -w -X main.version=$(shell git describe --always --dirty 2>/dev/null || echo devel)' -gcflags=github.com/voile-net/voile/...=-l
web-module:
	@mkdir -p bin web/dist
	@for module in voile:$(LEAN) voile-debug:; do name=$${module%:*}; tags=$${module#*:}; \
	  echo "module $$name.wasm"; \
	  GOOS=js GOARCH=wasm $(GO) build $(MODULEFLAGS) -tags="$$tags" -o bin/$$name.linked.wasm ./wasm && \
	  $(GO) run ./internal/wasmslim -symbols bin/$$name.wasm.symbols bin/$$name.linked.wasm web/dist/$$name.wasm || exit 1; done
	@root=$$($(GO) env GOROOT); cp -f "$$root/lib/wasm/wasm_exec.js" web/dist/ && cp -f "$$root/LICENSE" web/dist/wasm_exec.LICENSE && chmod u+w web/dist/wasm_exec.*

web-package: web-module
	@web/tools/install.sh
	@cp -f LICENSE web/LICENSE
	cd web && node_modules/.bin/tsc -p tsconfig.json

web-test: web-package build
	cd web && node --test --test-concurrency=1 --test-reporter=spec test/unit/*.test.mjs test/*.test.mjs

# The module and its adapters in Node, Chromium and Firefox, against native nodes.
wasm-test: web-module
	@web/tools/install.sh
	VOILE_BROWSERS=node,chromium,firefox $(GO) test -count=1 -timeout 40m -v ./wasm/browsertest

# The Dart package without Dart: its files against the C headers, the built library and
# the schema of the API. The first time npm fetches the formatter.
dart-check:
	$(GO) test -count=1 -v ./flutter_plugin/check

# Formats the Dart files with what dart-check has fetched.
dart-format:
	$(GO) test -count=1 -run TestFormatted ./flutter_plugin/check -args -write

# The WebSocket gateway for edge platforms: wasm/edge/worker is whole then, as "wrangler
# deploy" wants it.
edge:
	GOOS=js GOARCH=wasm $(GO) build -trimpath -ldflags='-s -w' -o wasm/edge/worker/gateway.wasm ./wasm/edge/worker
	@cp -f "$$($(GO) env GOROOT)/lib/wasm/wasm_exec.js" wasm/edge/worker/ && chmod u+w wasm/edge/worker/wasm_exec.js

# The same under workerd, and both gateways between a page and nodes; needs Node 20, and
# Chromium and Firefox for the second, which says SKIP without.
edge-test: edge web-module
	GOOS=js GOARCH=wasm $(GO) vet ./wasm/edge/...
	@web/tools/install.sh && web/tools/install.sh wasm/edge/test
	cd wasm/edge/test && node --test --test-concurrency=1 --test-reporter=spec gateway.test.mjs load.test.mjs
	VOILE_BROWSERS=node,chromium,firefox $(GO) test -count=1 -timeout 20m -run ThroughGateway -v ./wasm/browsertest

# The phone libraries, where Android's SDK or Xcode is; elsewhere it says what is missing.
android ios:
	@mobile/build.sh $@

# What of the phone libraries runs on any Linux machine: gobind's output under Java and
# Kotlin, linked for Android, the grammar of the Swift files, memory against its budget
# (VOILE_SOAK=10m for ten minutes). It takes a JDK, Maven, gcc and Python, and says SKIP
# without.
mobile-test:
	VOILE_MOBILE=1 $(GO) test -count=1 -timeout 40m -v ./mobile/... ./platform/hostcallback $(ARGS)

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

# The demonstration page, with a private network on this machine.
web: build web-package
	@bin/voile web $(ARGS)

# The page in Chromium and Firefox, as far as they are installed; pictures of it are in
# dist/screenshots afterwards.
web-demo-test: build web-package
	cd web && node --test --test-reporter=spec demo/test/*.test.mjs
	cd web && node --test --test-reporter=spec demo/test/browser/*.test.mjs

# The C library: of this machine, of every platform, and for Windows under wine.
clib:
	$(GO) run ./bind/clib/dist $(ARGS) host

clib-all:
	$(GO) run ./bind/clib/dist $(ARGS) all

windows-test:
	$(GO) test -tags windowstest -count=1 -timeout 30m -v ./bind/clib/windowstest

clean:
	rm -rf bin
