# SPDX-License-Identifier: BSD-2-Clause
#
# Tests. Each tests/unit/test_*.c is a cmocka program and each tests/fuzz/fuzz_*.c a libFuzzer target.
# Which sources one needs beside itself is said in its first lines:
#
#     /* LINK: core/foo.c sbi/bar.c tests/unit/fake_arch.c libfdt bearssl */
#
# libfdt and bearssl mean those libraries. A unit test that says TSAN in a comment of its own is built
# and run a second time with the thread sanitizer. tests/README.md tells how to write one.

.PHONY: test test-unit test-tsan unit-build coverage fuzz fuzz-build fuzz-smoke

UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))

# One word a test: source|linked|linked...
test_links := $(if $(UNIT_SRC)$(FUZZ_SRC),$(shell awk ' \
  FNR == 1 { if (name) print line; name = FILENAME; line = FILENAME; on = 0; seen = 0 } \
  FNR > 40 { next } \
  !seen && sub(/.*\/\* LINK:/, "") { on = 1; seen = 1 } \
  on { end = sub(/\*\/.*/, ""); for (i = 1; i <= NF; i++) if ($$i != "*") line = line "|" $$i; \
       if (end) on = 0 } \
  END { if (name) print line }' $(UNIT_SRC) $(FUZZ_SRC)))
TSAN_SRC := $(if $(UNIT_SRC),$(shell grep -lE '/\* TSAN \*/' $(UNIT_SRC)))

UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=build/host/unit/%)
TSAN_BIN := $(TSAN_SRC:tests/unit/%.c=build/host/tsan/%)
COV_BIN  := $(UNIT_SRC:tests/unit/%.c=build/host/cov/%)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=build/host/fuzz/%)

# --- four ways to build for the host -------------------------------------------------------------

test_cflags := $(HOST_CFLAGS) -D_DEFAULT_SOURCE -fno-strict-aliasing -fno-omit-frame-pointer -pthread

unit_cc := $(HOSTCC)
unit_sanitize := -fsanitize=address,undefined -fno-sanitize-recover=all
unit_sanitize_others := -fsanitize=address
unit_libs := -lcmocka

tsan_cc := $(HOSTCC)
tsan_sanitize := -fsanitize=thread
tsan_sanitize_others := -fsanitize=thread
tsan_libs := -lcmocka

cov_cc := $(HOSTCC)
cov_sanitize := --coverage -fprofile-update=atomic
cov_sanitize_others :=
cov_libs := -lcmocka

fuzz_cc := $(CLANG)
fuzz_sanitize := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
fuzz_sanitize_others := -fsanitize=fuzzer-no-link,address
fuzz_libs := -fsanitize=fuzzer

# $(call test_flavour,name)
define test_flavour
build/host/$(1)/obj/%.o: %.c Makefile tests/tests.mk $(DEPS_STAMP) | $(GEN)/version.h
	@mkdir -p $$(@D)
	@$$($(1)_cc) $$(test_cflags) $$($(1)_sanitize) $$(HOST_CPPFLAGS) -MMD -MP -c -o $$@ $$<

build/host/$(1)/libfdt/%.o: $(LIBFDT_DIR)/%.c Makefile tests/tests.mk $(DEPS_STAMP)
	@mkdir -p $$(@D)
	@$$($(1)_cc) -O1 -g $$($(1)_sanitize_others) $$(THIRD_PARTY_CFLAGS) $$(THIRD_PARTY_CPPFLAGS) -c -o $$@ $$<

build/host/$(1)/bearssl/%.o: $(BEARSSL_DIR)/src/%.c Makefile tests/tests.mk $(DEPS_STAMP)
	@mkdir -p $$(@D)
	@$$($(1)_cc) -O1 -g $$($(1)_sanitize_others) $$(THIRD_PARTY_CFLAGS) $$(THIRD_PARTY_CPPFLAGS) -c -o $$@ $$<

$(1)_libfdt := $(LIBFDT_SRC:$(LIBFDT_DIR)/%.c=build/host/$(1)/libfdt/%.o)
$(1)_bearssl := $(BEARSSL_SRC:$(BEARSSL_DIR)/src/%.c=build/host/$(1)/bearssl/%.o)

-include $$(shell find build/host/$(1)/obj -name '*.d' 2>/dev/null)
endef

# $(call test_program,flavour,program,source and linked words)
define test_program
build/host/$(1)/$(2): $(patsubst %.c,build/host/$(1)/obj/%.o,$(filter %.c,$(3))) \
    $(if $(filter libfdt,$(3)),$($(1)_libfdt)) $(if $(filter bearssl,$(3)),$($(1)_bearssl))
	@echo "  LINK    $$@"
	@$$($(1)_cc) -g -pthread $$($(1)_sanitize) -o $$@ $$^ $$($(1)_libs)
endef

$(foreach f,unit tsan cov fuzz,$(eval $(call test_flavour,$(f))))

# The fake port is three files: who names one gets all.
fake_port := tests/unit/fake_arch.c tests/unit/fake_memory.c tests/unit/fake_setup.c
test_words = $(patsubst tests/unit/fake_arch.c,$(fake_port),$(subst |, ,$(1)))
test_name = $(basename $(notdir $(firstword $(call test_words,$(1)))))
$(foreach l,$(filter tests/unit/%,$(test_links)),\
  $(eval $(call test_program,unit,$(call test_name,$(l)),$(call test_words,$(l)))) \
  $(eval $(call test_program,cov,$(call test_name,$(l)),$(call test_words,$(l)))))
$(foreach l,$(filter $(TSAN_SRC:=|%),$(test_links)),\
  $(eval $(call test_program,tsan,$(call test_name,$(l)),$(call test_words,$(l)))))
$(foreach l,$(filter tests/fuzz/%,$(test_links)),\
  $(eval $(call test_program,fuzz,$(call test_name,$(l)),$(call test_words,$(l)))))

# --- to run them ---------------------------------------------------------------------------------

PYTEST := $(PYTHON) -B -m pytest -o cache_dir=$(CURDIR)/build/pytest

unit-build: $(UNIT_BIN) $(TSAN_BIN)

# Each program's own output, a time limit each, and a sum at the end.
test-unit: $(UNIT_BIN) ## the host tests: core, sbi, devices, under ASan and UBSan
	@bad=(); for t in $^; do \
	  echo "== $$t"; timeout $(UNIT_SECONDS) $$t || bad+=("$$t"); done; \
	echo "== $(words $^) programs, $${#bad[@]} failed"; \
	for t in "$${bad[@]}"; do echo "   FAILED: $$t"; done; ((!$${#bad[@]}))

test-tsan: $(TSAN_BIN) ## the host tests that have threads, under TSan
	@for t in $^; do echo "== $$t"; timeout $(UNIT_SECONDS) $$t; done

# Without sanitizers, whose own branches would count. What only a real machine can run (trap entry, CSRs) is
# not compiled for the host and does not appear.
coverage: $(COV_BIN) ## lines and branches that the host tests reach: build/coverage/
	@rm -rf build/coverage && mkdir -p build/coverage
	@find build/host/cov -name '*.gcda' -delete
	@for t in $^; do timeout $(UNIT_SECONDS) $$t >build/coverage/$${t##*/}.log 2>&1 || \
	  { cat build/coverage/$${t##*/}.log; echo "FAILED: $$t"; exit 1; }; done
	@gcovr --root . --filter '(core|sbi|drivers|arch)/' --txt build/coverage/lines.txt \
	  --html-details build/coverage/index.html --print-summary build/host/cov

fuzz-build: $(FUZZ_BIN)

FUZZ_SECONDS ?= 60
UNIT_SECONDS ?= 120
fuzz: $(FUZZ_BIN) ## each libFuzzer target for FUZZ_SECONDS (60)
	@for t in $^; do \
	  name=$${t##*/fuzz_}; mkdir -p build/fuzz/$$name/corpus; \
	  seeds=tests/fuzz/corpus/$$name; [[ -d $$seeds ]] || seeds=; \
	  echo "== $$t"; \
	  $$t -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 \
	    -artifact_prefix=build/fuzz/$$name/ build/fuzz/$$name/corpus $$seeds; done

fuzz-smoke: $(FUZZ_BIN) ## each libFuzzer target for a few seconds
	@$(PYTEST) tests/fuzz

# What tests/qemu runs; a fragment of its own adds to TEST_NEEDS.
-include tests/qemu/qemu.mk

# Everything is built first, so that the one run of pytest, whose summary is the last line, only runs.
test: $(UNIT_BIN) $(TSAN_BIN) $(FUZZ_BIN) all $(TEST_NEEDS) ## every test: host, fuzz (short), QEMU
	@$(PYTEST) --junitxml=build/test.xml tests
