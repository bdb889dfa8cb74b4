# The commands that must always work on a fresh Debian 12 with git, make and a Swift 6.3 toolchain.
SWIFT ?= swift
BUILD := .build
RELEASE := $(BUILD)/release

# Debian's libcrypto and libzstd are linked in: the linker finds their archives here before it finds the shared libraries.
STATIC := $(BUILD)/static

# Executables export nothing (the map undoes the toolchain's -export-dynamic, which keeps and names whatever the runtime and the packages call
# public), and lld packs their relative relocations: together 12 MB less. That needs the C library of Debian 12, 2.36.
SMALL := -Xswiftc -use-ld=lld -Xlinker --version-script=$(CURDIR)/packaging/executable.map -Xlinker -z -Xlinker pack-relative-relocs -Xlinker -O2
RELEASE_FLAGS := -c release --static-swift-stdlib -Xlinker -L$(CURDIR)/$(STATIC) $(SMALL)

# Where `make install` puts things: DESTDIR before everything, and mount.incfs where mount(8) looks (see scripts/install).
PREFIX ?= /usr/local
DESTDIR ?=
OUT ?= dist

.PHONY: help build demo test check bench torture fuzz clean dist deb install uninstall test-packaging

help:
	@echo "make demo     build, publish a real program, run it over a slow link while it downloads"
	@echo "make test     every test (needs root and /dev/fuse); all set-up is done"
	@echo "make check    the tests that need neither root nor devices"
	@echo "make bench    the numbers of docs/PERFORMANCE.md, as ratios measured in one run"
	@echo "make torture  kill -9, outages and old kernels; long"
	@echo "make fuzz     fuzz the parsers for FUZZ_SECONDS (60)"
	@echo "make dist     $(OUT)/incfs-VERSION-linux-ARCH.tar.gz; make deb: the Debian package"
	@echo "make install  into PREFIX ($(PREFIX)); make uninstall"
	@echo "make test-packaging   what dist, deb and install make, on a bare Debian"
	@echo "make build    release executables in $(RELEASE)"

build:
	@scripts/install-deps run
	@mkdir -p $(STATIC)
	@for package in libssl-dev libzstd-dev liblz4-dev; do ln -sf $$(dpkg -L $$package | grep '/lib\(crypto\|zstd\|lz4\)\.a$$') $(STATIC)/ || exit 1; done
	$(SWIFT) build $(RELEASE_FLAGS) --product incfs
	$(SWIFT) build $(RELEASE_FLAGS) --product incfsd
	$(SWIFT) build $(RELEASE_FLAGS) --product incfs-keeper
	$(SWIFT) build $(RELEASE_FLAGS) --product incfs-origin
	$(SWIFT) build $(RELEASE_FLAGS) --product incfs-contractd

# Installs what is built; as root for a PREFIX that is root's.
install:
	@scripts/install --prefix "$(PREFIX)" --destdir "$(DESTDIR)" $(if $(MOUNT_DIR),--mount-dir "$(MOUNT_DIR)")

uninstall:
	@scripts/install --remove --prefix "$(PREFIX)" --destdir "$(DESTDIR)" $(if $(MOUNT_DIR),--mount-dir "$(MOUNT_DIR)")

dist: build
	@scripts/dist tar "$(OUT)"

deb: build
	@scripts/dist deb "$(OUT)"

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

test-packaging:
	@scripts/install-deps packaging
	@$(MAKE) --no-print-directory build
	@scripts/test-packaging

fuzz:
	@scripts/install-deps test
	@scripts/fuzz $${FUZZ_SECONDS:-60}

clean:
	rm -rf $(BUILD)
