# Builds, checks, measures and installs ptwrap. One Makefile, one folder per way of building: build/$(MODE)/.
#
#   make                      ./ptwrap, a single file that carries the shim
#   make check [T=regex]      unit tests, programs under audit, a short run of each fuzzer
#   make check-builds [ALL=1] real builds, compared call by call with strace
#   make check-long [T=regex] the tests that try moments and steps, with all of them
#   make check-suites [SUITES=] outside test-suites, bare and under ptwrap
#   make check-attacks [T=regex] attackers against rules, and without them, for ATTACK_SECONDS each
#   make bench | lint | coverage | install PREFIX= DESTDIR= | clean
#
# MODE is release, debug, asan, tsan or cov. V=1 shows the commands.

MODE ?= release
V ?= 0
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 5
CLANG ?= clang

B := build/$(MODE)
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(Q),@printf '  %-7s %s\n' $(1) $(2))

mode_release := -O2 -g
mode_debug := -Og -g3 -fno-omit-frame-pointer
mode_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
mode_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
mode_cov := -O0 -g --coverage
ifeq ($(mode_$(MODE)),)
$(error MODE is release, debug, asan, tsan or cov, not "$(MODE)")
endif

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
ifeq ($(WERROR),1)
warnings += -Werror
endif
dialect := -std=gnu11 -D_GNU_SOURCE -Ilauncher -Iinclude
multiarch := $(shell $(CC) -print-multiarch 2>/dev/null)

all_cflags = $(mode_$(MODE)) $(warnings) $(dialect) -pthread $(CPPFLAGS) $(CFLAGS)
all_ldflags = $(mode_$(MODE)) -pthread $(LDFLAGS)
# Programs under audit are what their users would compile: no sanitizer, no packager's flags.
program_cflags := -O1 -g -Wall -Wextra -Werror -std=gnu11 -D_GNU_SOURCE -Iinclude

# A register is set apart in the shim (shim/entry.S), which clang cannot do.
SHIM_CC ?= $(if $(findstring clang,$(notdir $(CC))),gcc,$(CC))

# The shim's flags are its own: it lives in other people's processes, and no packager's
# hardening and no sanitizer may follow it there.
-include shim/flags.mk

launcher_sources := $(wildcard launcher/*.c launcher/*/*.c launcher/*.S launcher/*/*.S)
launcher_objects := $(patsubst %,$(B)/%.o,$(basename $(launcher_sources)))
parts := $(filter-out $(B)/launcher/main.o,$(launcher_objects))
shim_sources := $(wildcard shim/*.c shim/*.S)
shim_objects := $(patsubst %,$(B)/%.o,$(basename $(shim_sources)))
units := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
# tests/programs/NAME.c is a program, of C++ if it is NAME.cc; libNAME.c a library that programs load; taken.c a
# program for each of the fixed addresses (ptwrap/fastpath.h: text, ring, private page), which lies there itself.
taken := 6b000 6afc0 6afbb
program_sources := $(filter-out tests/programs/lib%.c tests/programs/taken.c,$(wildcard tests/programs/*.c)) \
	$(if $(shell command -v $(CXX)),$(wildcard tests/programs/*.cc))
programs := $(patsubst tests/programs/%,$(B)/programs/%,$(basename $(program_sources))) \
	$(patsubst tests/programs/%.c,$(B)/programs/%.so,$(wildcard tests/programs/lib*.c)) \
	$(if $(wildcard tests/programs/taken.c),$(addprefix $(B)/programs/taken_,$(taken)))
fuzzers := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all tests units programs fuzzers tools check check-builds check-long check-suites check-attacks bench lint coverage install clean FORCE
.DELETE_ON_ERROR:

all: $(if $(filter release,$(MODE)),ptwrap,$(B)/ptwrap)

ptwrap: build/release/ptwrap
	$(call say,COPY,$@)
	$(Q)cp -f $< $@

$(B)/ptwrap: $(launcher_objects) $(B)/flags
	$(call say,LINK,$@)
	$(Q)$(CC) -o $@ $(launcher_objects) $(all_ldflags) $(LDLIBS)

# Written anew only when the way of compiling changes; then everything is compiled anew.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(all_cflags) $(all_ldflags) $(SHIM_CC) $(SHIM_CFLAGS) $(SHIM_LDFLAGS)' | cmp -s - $@ || \
		echo '$(CC) $(all_cflags) $(all_ldflags) $(SHIM_CC) $(SHIM_CFLAGS) $(SHIM_LDFLAGS)' >$@

$(B)/launcher/%.o: launcher/%.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP $(all_cflags) -c -o $@ $<

$(B)/launcher/%.o: launcher/%.S $(B)/flags
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -DSHIM_IMAGE='"$(B)/shim.so"' $(dialect) $(CPPFLAGS) -c -o $@ $<

$(B)/launcher/shim_image.o: $(B)/shim.so

$(B)/shim/%.o: shim/%.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(SHIM_CC) -MMD -MP $(SHIM_CFLAGS) -Iinclude -c -o $@ $<

$(B)/shim/%.o: shim/%.S $(B)/flags
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(SHIM_CC) -MMD -MP $(SHIM_CFLAGS) -Iinclude -c -o $@ $<

$(B)/shim.so: $(shim_objects) $(wildcard shim/*.map shim/*.ld)
	$(call say,LINK,$@)
	$(Q)$(SHIM_CC) $(SHIM_CFLAGS) $(SHIM_LDFLAGS) -o $@ $(shim_objects)

# Tests

$(B)/unit/%: tests/unit/%.c $(parts) $(B)/flags
	$(call say,UNIT,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -MF $@.d $(all_cflags) -o $@ $< $(parts) $(all_ldflags) $(LDLIBS)

$(B)/programs/%: tests/programs/%.c
	$(call say,PROGRAM,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -MF $@.d $(program_cflags) -pthread -o $@ $<

$(B)/programs/%: tests/programs/%.cc
	$(call say,PROGRAM,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -MMD -MP -MF $@.d $(filter-out -std=%,$(program_cflags)) -fnon-call-exceptions -pthread -o $@ $<

$(B)/programs/lib%.so: tests/programs/lib%.c
	$(call say,PROGRAM,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -MF $@.d $(program_cflags) -fPIC -shared -o $@ $<

$(addprefix $(B)/programs/taken_,$(taken)): $(B)/programs/taken_%: tests/programs/taken.c
	$(call say,PROGRAM,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -MF $@.d $(program_cflags) -no-pie -Wl,-Ttext-segment=0x$*000 -o $@ $<

$(B)/programs/%_static: tests/programs/%_static.c
	$(call say,PROGRAM,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -MF $@.d $(program_cflags) -pthread -static -o $@ $<

$(B)/programs/%_nolibc32: tests/programs/%_nolibc32.c
	$(call say,PROGRAM,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -MF $@.d $(program_cflags) -m32 -static -nostdlib -ffreestanding -fno-pie -no-pie \
		-fno-stack-protector -idirafter tests/tools/include32 -idirafter /usr/include/$(multiarch) -o $@ $<

$(B)/programs/%_musl: tests/programs/%_musl.c | tools
	$(call say,PROGRAM,$@)
	@mkdir -p $(@D)
	$(Q)tests/tools/musl-gcc $(program_cflags) -pthread -o $@ $<

# Fuzzers have objects of their own, every line of which is instrumented.
fuzz_flags := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
fuzz_objects := $(patsubst $(B)/%,build/fuzz/%,$(parts))
.SECONDARY: $(fuzz_objects)

build/fuzz/launcher/%.o: launcher/%.c
	$(call say,FUZZ-CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) -MMD -MP $(fuzz_flags) -fsanitize=fuzzer-no-link $(dialect) -pthread -c -o $@ $<

# What is assembled has no lines to be instrumented.
assembled := $(patsubst launcher/%.S,%.o,$(filter %.S,$(launcher_sources)))
$(addprefix build/fuzz/launcher/,$(assembled)): build/fuzz/launcher/%.o: $(B)/launcher/%.o
	@mkdir -p $(@D)
	$(Q)cp $< $@

build/fuzz/%: tests/fuzz/%.c $(fuzz_objects)
	$(call say,FUZZER,$@)
	$(Q)$(CLANG) $(fuzz_flags) -fsanitize=fuzzer $(dialect) -pthread -o $@ $< $(fuzz_objects)

units: $(units)
programs: $(programs)
fuzzers: $(if $(fuzzers),$(if $(shell $(CLANG) -fsanitize=fuzzer,address tests/tools/empty_fuzzer.c \
		-o /dev/null 2>/dev/null && echo yes),$(fuzzers)))
tools:
	$(Q)tests/tools/fetch.sh
tests: all $(B)/ptwrap units programs fuzzers

check: tests tools
	$(Q)MODE=$(MODE) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/check.sh '$(T)'

check-builds: all tools
	$(Q)tests/oracle/builds.sh $(if $(ALL),all)
	$(if $(ALL),$(Q)tests/suites/run.sh)

check-long: tests tools
	$(Q)MODE=$(MODE) FUZZ_SECONDS=$(FUZZ_SECONDS) ROUNDS=200 STRIDE=1 BATS_TEST_TIMEOUT=3600 BATS_FILE_TIMEOUT=7200 \
		tests/check.sh '$(or $(T),at any moment|at any step|test_steps)'

check-suites: all tools
	$(Q)tests/suites/run.sh $(SUITES)

check-attacks: all $(B)/ptwrap $(B)/programs/attack
	$(Q)MODE=$(MODE) tests/attacks.sh '$(T)'

bench: all tools
	$(Q). tests/tools/env.sh && tests/bench/run.sh
	$(Q)tests/bench/reports.sh

lint:
	$(Q)CC='$(CC)' CLANG='$(CLANG)' tests/lint.sh

coverage:
	$(Q)rm -rf build/cov
	$(Q)$(MAKE) MODE=cov check
	$(Q)tests/tools/coverage.sh

install: build/release/ptwrap
	$(Q)install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/man/man1'
	$(Q)install -m 755 build/release/ptwrap '$(DESTDIR)$(PREFIX)/bin/ptwrap'
	$(Q)build/release/ptwrap --man >build/release/ptwrap.1
	$(Q)install -m 644 build/release/ptwrap.1 '$(DESTDIR)$(PREFIX)/share/man/man1/ptwrap.1'
	$(if $(wildcard include/ptwrap.h),$(Q)install -D -m 644 include/ptwrap.h \
		'$(DESTDIR)$(PREFIX)/include/ptwrap.h')

# Fetched tools and sources stay: they are not products of this tree.
clean:
	$(Q)rm -rf ptwrap build/release build/debug build/asan build/tsan build/cov build/fuzz build/lint

-include $(wildcard $(B)/launcher/*.d $(B)/launcher/*/*.d build/fuzz/launcher/*.d build/fuzz/launcher/*/*.d \
	 $(B)/shim/*.d $(B)/unit/*.d $(B)/programs/*.d)
