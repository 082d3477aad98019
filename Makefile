# kobench. `make run` needs Go alone; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

GO       ?= go
FUZZTIME ?= 10s
BENCH    ?= .
BENCHTIME ?= 1s
COUNT    ?= 1
PKG      ?= ./...

# The systems that kobench must build for besides the one you sit at.
PLATFORMS := linux/arm64 darwin/arm64 darwin/amd64 windows/amd64
# Where make install puts things, below DESTDIR.
PREFIX  ?= /usr/local
DESTDIR ?=

# Real USB devices need cgo and libusb 1.0: where pkg-config and a C compiler find it, bin/kobench has it.
TAGS := $(shell pkg-config --exists libusb-1.0 2>/dev/null && command -v cc >/dev/null && [ "$$($(GO) env CGO_ENABLED)" = 1 ] && echo -tags libusb)

say = @printf '== %s\n' "$(1)"

##  run          build bin/kobench, boot the default board, load drivers, show what happened
.PHONY: run
run: build
	bin/kobench demo

##  build        bin/kobench, and the tools by name beside it
.PHONY: build
build:
	$(call say,building bin/kobench)
	@$(GO) build $(TAGS) -o bin/kobench ./cmd/kobench
	@bin/kobench links --relative bin

##  install      the program, manual pages, completions and (in lib/kobench/bin) the tools' names below PREFIX, /usr/local; DESTDIR is put before
.PHONY: install
install: build
	$(call say,installing below $(DESTDIR)$(PREFIX))
	@to=$(DESTDIR)$(PREFIX); \
	  install -d $$to/bin $$to/lib/kobench/bin $$to/share/bash-completion/completions $$to/share/zsh/site-functions $$to/share/fish/vendor_completions.d; \
	  install -m 755 bin/kobench $$to/bin/kobench; \
	  $$to/bin/kobench links --relative $$to/lib/kobench/bin; \
	  $$to/bin/kobench man $$to/share/man/man1; \
	  $$to/bin/kobench completion bash >$$to/share/bash-completion/completions/kobench; \
	  $$to/bin/kobench completion zsh >$$to/share/zsh/site-functions/_kobench; \
	  $$to/bin/kobench completion fish >$$to/share/fish/vendor_completions.d/kobench.fish
	@echo "insmod, rmmod, dmesg … by name: export PATH=$(PREFIX)/lib/kobench/bin:\$$PATH"

##  test         install what tests need where that is possible, then go test -race ./...
.PHONY: test
test:
	$(call say,what the tests need)
	@.ci/install test
	$(call say,go test -race)
	@$(GO) test -race ./...

##  check        everything CI asks of a change: style, rules, platforms, tests, benchmarks once, limits, fixtures
.PHONY: check check-tree check-format check-vet check-rules check-locks check-platforms check-arm64 check-install check-tests check-benchmarks check-limits check-fixtures
check:
	@.ci/tree save
	@$(MAKE) check-format check-vet check-rules check-locks check-platforms check-arm64 check-install check-tests check-benchmarks check-limits check-fixtures
	$(call say,the tree is as it was)
	@.ci/tree compare
	$(call say,check: all well)

check-format:
	$(call say,gofmt)
	@bad=$$(gofmt -l .); \
	  [[ -z $$bad ]] || { echo "not formatted (gofmt -w them):" $$bad; exit 1; }

check-vet:
	$(call say,go vet)
	@$(GO) vet ./...
	@[[ -z '$(TAGS)' ]] || $(GO) vet $(TAGS) ./hw/usb/... ./drivers/board
	$(call say,staticcheck)
	@$(GO) tool staticcheck ./...

check-rules:
	$(call say,floors and other rules of the house)
	@$(GO) run ./cmd/internal/rules

check-locks:
	$(call say,lock annotations)
	@$(MAKE) locks

check-platforms:
	@for p in $(PLATFORMS); do \
	  printf '== build and vet for %s\n' $$p; \
	  export GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0; \
	  $(GO) build ./... && $(GO) vet ./... || exit 1; \
	done

# Another processor, by emulation; its programs are built once and then come from Go's cache.
check-arm64:
	$(call say,the demo and small suites on arm64)
	@if ! command -v qemu-aarch64-static >/dev/null; then \
	  echo "   no qemu-aarch64-static here (Debian: apt-get install qemu-user-static): skipped"; [[ $${CI:-} != true ]]; exit; fi; \
	  mkdir -p bin/arm64; export GOARCH=arm64 CGO_ENABLED=0; \
	  $(GO) build -o bin/arm64/kobench ./cmd/kobench; \
	  qemu-aarch64-static bin/arm64/kobench demo >bin/arm64/demo.log 2>&1 || { cat bin/arm64/demo.log; exit 1; }; \
	  tail -n 1 bin/arm64/demo.log; \
	  $(GO) test -exec qemu-aarch64-static ./hw/serial/uart16550 ./hw/scpi ./kernel/uapi

check-install:
	@dir=$$(mktemp -d); trap 'rm -rf $$dir' EXIT; \
	  $(MAKE) install DESTDIR=$$dir PREFIX=/usr; \
	  mv $$dir/usr $$dir/moved; \
	  $$dir/moved/bin/kobench --version; \
	  [[ $$($$dir/moved/lib/kobench/bin/insmod --version | head -1) == "kmod version 30" ]]; \
	  for page in kobench kobench-up kobench-insmod; do [[ -s $$dir/moved/share/man/man1/$$page.1 ]]; done; \
	  bash -n $$dir/moved/share/bash-completion/completions/kobench

# The same command as `make test`, so that Go's cache answers when nothing changed in between.
check-tests:
	$(call say,go test -race)
	@$(GO) test -race ./...

check-benchmarks:
	$(call say,every benchmark once)
	@mkdir -p bin
	@$(GO) test -run '^$$' -bench . -benchtime 1x ./... >bin/.bench.log 2>&1 || { cat bin/.bench.log; exit 1; }
	@printf '   %s benchmarks ran\n' "$$(grep -c '^Benchmark' bin/.bench.log || true)"

check-limits: build
	$(call say,the limits of bench/limits/limits.yaml)
	@bin/kobench bench --check

# Skipped without clang, or with another one than made them; in CI neither may happen.
check-fixtures:
	$(call say,prebuilt fixtures built again and compared)
	@log=$$($(GO) test -count=1 -v -run '^TestPrebuilt' ./fixtures/build 2>&1) || { echo "$$log"; exit 1; }; \
	  echo "$$log" | tail -n 4; \
	  ! { [[ $${CI:-} == true ]] && grep -q -e '--- SKIP' <<<"$$log"; }

##  bench        all benchmarks with a report: bench/out/bench.txt, bench/out/report.html (BENCH=regexp, BENCHTIME=1s, COUNT=1)
.PHONY: bench bench-quick
bench: build
	@bin/kobench bench '$(BENCH)' --time $(BENCHTIME) --count $(COUNT)

##  bench-quick  the same in under two minutes, for a first look
bench-quick: build
	@bin/kobench bench '$(BENCH)' --quick

##  mutate       change the code of a package in small ways and see which changes no test of its own notices (PKG=./kernel; advice, slow)
.PHONY: mutate
mutate:
	@$(GO) tool gremlins unleash --workers $(or $(WORKERS),1) --timeout-coefficient 20 $(or $(PKG),./kernel)

##  oracle       boot a real Linux kernel in QEMU and compare kobench with it, live (root, Debian)
.PHONY: oracle
oracle:
	$(call say,what the oracle needs)
	@.ci/install test oracle
	@fixtures/oracle/setup
	$(call say,kobench beside the real kernel)
	@KOBENCH_ORACLE=live $(GO) test -p 1 -count=1 -v -timeout 20m -run '^TestOracle' \
	  $$(grep -rl --include='*_test.go' '^func TestOracle' . | xargs -n1 dirname | sort -u)

##  transcript   record what the real kernel answers to fixtures/oracle/conformance.sh again (after make oracle)
.PHONY: transcript
transcript:
	@fixtures/oracle/setup
	@fixtures/oracle/run -t 300 -f fixtures/oracle/conformance.sh >fixtures/oracle/transcripts/conformance.txt

##  fixtures     build the prebuilt C modules of fixtures again (clang, wasm-ld)
.PHONY: fixtures
fixtures:
	@$(GO) run ./fixtures/build

##  generate     go generate: offsets, tables, whatever is written by a program
.PHONY: generate
generate:
	@$(GO) generate ./...

##  fuzz         every fuzz target for a while (FUZZTIME=10s, PKG=./...)
.PHONY: fuzz
fuzz:
	@for pkg in $$($(GO) list $(PKG)); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    printf '== %s %s\n' $$pkg $$f; \
	    $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$pkg || exit 1; \
	  done; \
	done

##  profile      a CPU profile of one benchmark: make profile NAME=Dispatch/go/read/1
.PHONY: profile
profile: build
	@[[ -n '$(NAME)' ]] || { echo "profile: of which benchmark? make profile NAME=Dispatch/go/read/1; bin/kobench bench --list shows them"; exit 1; }
	@bin/kobench bench '^$(subst +,\+,$(NAME))$$' --time 3s --out bench/out/profile --cpuprofile bench/out/profile.pprof
	@$(GO) tool pprof -top -nodecount 25 bin/kobench bench/out/profile.pprof 2>/dev/null
	@echo "bench/out/profile.pprof: go tool pprof bin/kobench bench/out/profile.pprof"

##  locks        the +checklocks annotations hold (gVisor's analyser), in all packages or PKG=./drivers/tty; the terminals' order of locks
.PHONY: locks
LOCKS = $(GO) vet -vettool=$$($(GO) tool -n checklocks) -inferred=false -wrappers=false
locks:
	@$(LOCKS) $(PKG)
	@found=$$($(LOCKS) ./cmd/internal/rules/testdata/locks 2>&1 | grep -v '^#' || true); \
	  [[ $$found == *'locks.go:39:'*'must be locked when accessing n'* && $$(wc -l <<<"$$found") == 1 ]] || \
	  { printf 'the analyser does not find the seeded violations, or finds others:\n%s\n' "$$found"; exit 1; }
	@$(GO) test -tags lockdep -skip 'AllocatesNothing|HostIsLate|Fuzz|Usbtest|SerialSuite|OpenWaitsForTheCarrier' ./drivers/tty/... ./drivers/serial8250 ./drivers/usb/usbserial ./drivers/usb

##  tools        build the developer tools that go.mod pins into bin/tools
.PHONY: tools
tools:
	@mkdir -p bin/tools && $(GO) build -o bin/tools/ tool && ls bin/tools

##  clean        remove what the targets above wrote
.PHONY: clean
clean:
	rm -rf bin bench/out

##  help         this list
.PHONY: help
help:
	@echo 'make …'; sed -n 's/^##//p' $(firstword $(MAKEFILE_LIST))
