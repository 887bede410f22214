# The front door. Everything here is a short call of Meson, ninja or a script in tools/ and tests/.
#
# `make` builds, `make demo` shows the gateway at work, `make test` runs all tests, `make help` lists the rest.

BUILD	  ?= build
TEST	  ?= build-test
FUZZ	  ?= build-fuzz
PREFIX	  ?= /usr/local
DESTDIR	  ?=
# Seconds that `make fuzz` gives each target.
FUZZ_SECONDS ?= 60
ISTHMUS	  = $(BUILD)/src/cmd/isthmus

RELEASE_OPTIONS = --buildtype=release -Db_lto=true -Db_pie=true -Dtests=false --prefix=$(PREFIX) --sysconfdir=/etc
TEST_OPTIONS	= --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
FUZZ_OPTIONS	= $(TEST_OPTIONS) -Dfuzz=true

.PHONY: all help deps deps-lab test kernels soak demo run install bench bench-dns bench-relay bench-pipeline fuzz check-style clean

all: deps $(BUILD)/build.ninja
	ninja -C $(BUILD)

help:
	@echo 'make             build the program (release) in $(BUILD)/'
	@echo 'make demo        an IPv6-only client reaches an IPv4-only server in a lab on this machine; needs root'
	@echo 'make test        build with sanitizers in $(TEST)/ and run all tests; the lab needs root'
	@echo 'make soak        many clients over bad links for ten minutes, and a look at what is left; needs root'
	@echo 'make kernels     the fast path on the kernels of Debian 12 and its backports, in qemu; minutes, and much to fetch; needs root'
	@echo 'make run         run the gateway on this host with the built-in configuration; needs root'
	@echo 'make install     install under PREFIX=$(PREFIX) (DESTDIR is honoured)'
	@echo 'make bench       measure against plain forwarding and TAYGA; needs root'
	@echo 'make bench-dns   measure the resolver against unbound and BIND with DNS64; needs root'
	@echo 'make bench-relay measure the relays against HAProxy, nginx and a direct connection; needs root'
	@echo 'make bench-pipeline  what one packet costs without any device; needs no root'
	@echo 'make fuzz        run libFuzzer on each target for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make check-style the checks of the house: layers, style, requirements'
	@echo 'make clean       remove what was built'

deps:
	@tools/install-deps
deps-lab:
	@tools/install-deps --lab

$(BUILD)/build.ninja:
	meson setup $(BUILD) $(RELEASE_OPTIONS)
$(TEST)/build.ninja:
	meson setup $(TEST) $(TEST_OPTIONS)
$(FUZZ)/build.ninja:
	CC=clang meson setup $(FUZZ) $(FUZZ_OPTIONS)

test: deps-lab
	@$(MAKE) --no-print-directory $(TEST)/build.ninja
	ninja -C $(TEST)
	@tools/run-tests $(TEST)

# Without sanitizers: where there is no KVM, qemu makes everything ten times slower.
KERNELS = build-kernels
kernels: deps-lab
	@test -f $(KERNELS)/build.ninja || meson setup $(KERNELS) --buildtype=release
	ninja -C $(KERNELS)
	@tests/kernels/run $(KERNELS)

soak: deps-lab
	@$(MAKE) --no-print-directory $(TEST)/build.ninja
	ninja -C $(TEST) src/cmd/isthmus tests/rough
	@LAB_SOAK_SECONDS=$${LAB_SOAK_SECONDS:-600} ISTHMUS=$(CURDIR)/$(TEST)/src/cmd/isthmus tests/lab/22_soak.sh

demo: deps-lab all
	@ISTHMUS=$(ISTHMUS) tests/lab/demo.sh

run: all
	$(ISTHMUS) run --built-in

install: all
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)

bench: deps-lab all
	@ISTHMUS=$(ISTHMUS) bench/run
	@ISTHMUS=$(ISTHMUS) bench/forward
	@ISTHMUS=$(ISTHMUS) bench/connections
	@$(BUILD)/bench/pipeline

bench-dns: deps-lab all
	@ISTHMUS=$(ISTHMUS) bench/dns
	@LINK=veth ISTHMUS=$(ISTHMUS) bench/dns

bench-relay: deps-lab all
	@ISTHMUS=$(ISTHMUS) bench/relay

bench-pipeline: all
	@$(BUILD)/bench/pipeline

fuzz: deps-lab
	@$(MAKE) --no-print-directory $(FUZZ)/build.ninja
	ninja -C $(FUZZ) fuzzers
	@tools/run-fuzz $(FUZZ) $(FUZZ_SECONDS)

check-style:
	tools/check-layers
	tools/check-style
	tools/rfc-trace

clean:
	rm -rf $(BUILD) $(TEST) $(FUZZ) $(KERNELS) build-werror-gcc build-werror-clang
