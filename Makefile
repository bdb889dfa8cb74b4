# The commands that must always work on a fresh Debian 12 with git, make and a Swift 6.3 toolchain.
SWIFT ?= swift
BUILD := .build
RELEASE := $(BUILD)/release

.PHONY: help build demo test check bench torture fuzz clean

help:
	@echo "make demo     build, publish a real program, run it over a slow link while it downloads"
	@echo "make test     every test (needs root and /dev/fuse); all set-up is done"
	@echo "make check    the tests that need neither root nor devices"
	@echo "make bench    the numbers of docs/PERFORMANCE.md, as ratios measured in one run"
	@echo "make torture  kill -9, outages and old kernels; long"
	@echo "make fuzz     fuzz the parsers for FUZZ_SECONDS (60)"
	@echo "make build    release executables in $(RELEASE)"

build:
	@scripts/install-deps run
	$(SWIFT) build -c release --static-swift-stdlib --product incfs
	$(SWIFT) build -c release --static-swift-stdlib --product incfsd
	$(SWIFT) build -c release --static-swift-stdlib --product incfs-keeper
	$(SWIFT) build -c release --static-swift-stdlib --product incfs-origin

demo:
	@scripts/install-deps demo
	@$(MAKE) --no-print-directory build
	@scripts/demo

test:
	@scripts/test all

check:
	@scripts/test check

bench:
	@scripts/install-deps test
	@$(MAKE) --no-print-directory build
	@Benchmarks/run

torture:
	@scripts/install-deps torture
	@$(MAKE) --no-print-directory build
	@scripts/torture

fuzz:
	@scripts/install-deps test
	@scripts/fuzz $${FUZZ_SECONDS:-60}

clean:
	rm -rf $(BUILD)
