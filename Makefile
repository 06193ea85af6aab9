# onionify: everything is built under build/<variant>/; see README.md.
#
#   make            release build, no network, no root
#   make demo       the main job on a private Tor network (installs what is missing)
#   make check      every test (installs what is missing)
#   make asan       the same tests under AddressSanitizer and UBSan
#   make fuzz T=cell S=60, make lint, make bench, make format, make install, make clean

VARIANT ?= release
.DEFAULT_GOAL := all
B := build/$(VARIANT)

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib/onionify
DATADIR ?= $(PREFIX)/share
DESTDIR ?=

CC := gcc
CLANG ?= clang
PKG_CONFIG ?= pkg-config
VERSION := 0.1.0

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wno-format-nonliteral \
	-Wno-missing-field-initializers
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -D_FORTIFY_SOURCE=2
CPPFLAGS := -D_GNU_SOURCE -I. -DONIONIFY_VERSION='"$(VERSION)"'
CFLAGS_release := -O2 -g $(HARDEN)
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_debug := -O0 -g
# libFuzzer builds: clang, and the harness's main is the fuzzer's.
CFLAGS_fuzz := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
ifeq ($(VARIANT),fuzz)
CC := $(CLANG)
endif
CFLAGS := -std=c11 $(WARN) $(CFLAGS_$(VARIANT)) $(EXTRA_CFLAGS)
LDFLAGS_release := -Wl,-z,relro,-z,now,-z,noexecstack
LDFLAGS := $(LDFLAGS_$(VARIANT)) -Wl,--as-needed

# make V=1 shows the commands.
ifeq ($(V),)
Q = @echo '  $(1) $@';
endif

pkg = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)
LIBS_AGENT := $(call pkg,gnutls) $(call pkg,nettle hogweed) $(call pkg,libsodium) -lgmp -lev $(call pkg,libseccomp) \
	$(call pkg,libcurl) $(call pkg,zlib libzstd liblzma) $(call pkg,jansson) -lm
LIBS_CHECK = $(call pkg,check)

# Each folder lists its own sources: <name>_SRCS, explicit, one file a line.
include $(wildcard common/sources.mk dirclient/sources.mk agent/sources.mk agent/*/sources.mk shim/sources.mk)
include $(wildcard tests/support/*.mk tests/unit/*.mk tests/fuzz/*.mk tests/shim/*.mk tests/net/*.mk tests/lint/*.mk tests/bench/*.mk)

# A library is made anew when a list changes, so that no removed object stays in it.
SOURCE_LISTS := $(wildcard */sources.mk */*/sources.mk tests/support/*.mk)

# Libraries in link order: a library may use only those after it.
LIBNAMES := front onion circ path link dirclient common
define library
$(B)/lib$(1).a: $$(patsubst %.c,$(B)/%.o,$$($(1)_SRCS)) $$(SOURCE_LISTS)
endef
$(foreach l,$(LIBNAMES) support,$(eval $(call library,$(l))))
LIBS := $(patsubst %,$(B)/lib%.a,$(LIBNAMES))

PROGRAMS := $(B)/onionify-agent $(B)/onionctl $(B)/onionify-run $(B)/onionify-serve $(B)/libonionify.so
.PHONY: all
all: $(PROGRAMS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIE -MMD -MP -c -o $@ $<
# What the shim links is position-independent and exports only its hooks.
$(B)/pic/%.o: %.c
	@mkdir -p $(@D)
	$(call Q,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -MMD -MP -c -o $@ $<
$(B)/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call Q,AR)ar rcs $@ $(filter %.o,$^)

$(B)/onionify-agent: $(patsubst %.c,$(B)/%.o,$(agent_SRCS)) $(LIBS)
	$(call Q,LD)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_AGENT)
$(B)/onionctl: $(patsubst %.c,$(B)/%.o,$(ctl_SRCS)) $(B)/libcommon.a
	$(call Q,LD)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(call pkg,jansson) $(call pkg,ncursesw)
$(B)/onionify-run: $(patsubst %.c,$(B)/%.o,$(run_SRCS)) $(B)/libcommon.a
	$(call Q,LD)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(run_LIBS)
$(B)/onionify-serve: $(patsubst %.c,$(B)/%.o,$(serve_SRCS)) $(B)/libcommon.a
	$(call Q,LD)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(serve_LIBS) $(call pkg,libsodium)
$(B)/libonionify.so: $(patsubst %.c,$(B)/pic/%.o,$(shim_SRCS)) shim/exports.map
	$(call Q,LD)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,--version-script=shim/exports.map -o $@ $(filter %.o,$^) $(shim_LIBS)

# --- unit tests: tests/unit/test_<name>.c, one program each ---
# What waits longest begins first.
UNIT_FIRST := dir_client
UNIT_PROGRAMS := $(patsubst %,$(B)/tests/unit/test_%,$(UNIT_TESTS))
$(UNIT_PROGRAMS): %: %.o $(B)/libsupport.a $(LIBS)
	$(call Q,LD)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $< $(B)/libsupport.a $(LIBS) $(LIBS_AGENT) $(LIBS_CHECK)
.PHONY: unit
unit: $(UNIT_PROGRAMS)
	@tests/run-unit $(B) $(UNIT_FIRST) $(filter-out $(UNIT_FIRST),$(UNIT_TESTS))

# --- fuzz harnesses: tests/fuzz/fuzz_<name>.c with LLVMFuzzerTestOneInput() ---
FUZZ_REPLAY := $(patsubst %,$(B)/tests/fuzz/replay_%,$(FUZZERS))
$(FUZZ_REPLAY): $(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/libsupport.a $(LIBS)
	$(call Q,LD)$(CC) $(CFLAGS) $(LDFLAGS) -pie -o $@ $^ $(LIBS_AGENT)
.PHONY: replay
replay: $(FUZZ_REPLAY)
	@tests/run-replay $(B) $(FUZZERS)
build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/libsupport.a $(patsubst %,build/fuzz/lib%.a,$(LIBNAMES))
	$(CLANG) $(CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBS_AGENT)
T ?= cell
S ?= 60
.PHONY: fuzz
fuzz:
	$(MAKE) VARIANT=fuzz build/fuzz/fuzz_$(T)
	@mkdir -p tests/fuzz/corpus/$(T)
	build/fuzz/fuzz_$(T) -max_total_time=$(S) tests/fuzz/corpus/$(T)

# --- the README's two commands, and what they stand on ---
# As many at a time as there are processors, unless -j says something else.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
.PHONY: deps demo check check-built check-clean-machine asan ubsan lint bench format clean
deps:
	@tests/deps
demo: deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@tests/net/demo
check: deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@tests/check
# Some minutes, root and Debian's mirror: not part of check.
check-clean-machine: deps
	@tests/clean-machine
asan ubsan: deps
	@$(MAKE) --no-print-directory $(JOBS) VARIANT=asan all
	@VARIANT=asan tests/check
bench: deps
	@$(MAKE) --no-print-directory all
	@tests/bench/run
lint:
	@tests/lint/run
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
clean:
	rm -rf build

include data/install.mk

ifneq ($(wildcard build/$(VARIANT)),)
-include $(shell find build/$(VARIANT) -name '*.d')
endif
.SECONDARY:
