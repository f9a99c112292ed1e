# SPDX-License-Identifier: BSD-2-Clause
#
# make check: everything that can be said of the sources without running them, all of it as errors.
# Each check is a target check-NAME of its own; its output is kept as build/check/NAME.log. What
# looks at one file at a time keeps a mark per file, so that a second run looks at what changed.

CHECKS := text format layers headers shell python size clang analyzer tidy misra
CHECK_JOBS ?= $(shell nproc)
CHECK_OUT := build/check

.PHONY: check $(CHECKS:%=check-%)

check: ## every static check, as errors (check-NAME runs one of them)
	@MAKE="$(MAKE)" tests/lint/run.sh $(CHECK_OUT) $(CHECK_JOBS) $(CHECKS)

# --- what needs no compiler ----------------------------------------------------------------------

check-text:
	@tests/lint/text.py

check-format:
	@git ls-files -co --exclude-standard -- '*.c' '*.h' | \
	  xargs -n 16 -P $(CHECK_JOBS) clang-format --dry-run -Werror

check-shell:
	@git grep --untracked -lE '^#!/.*[/ ](ba|da)?sh$$' | xargs shellcheck

check-python:
	@git ls-files -co --exclude-standard -- '*.py' | xargs $(PYTHON) -B -m pyflakes

# --- the arrows, and headers that stand alone ----------------------------------------------------

check-layers: $(CURIA_OBJ)
	@tests/lint/layers.py $(RV_PREFIX)nm $(OBJ)

check-headers: $(GEN_HEADERS)
	@tests/lint/headers.py --jobs $(CHECK_JOBS) \
	  --target $(RV_CC) $(RV_CFLAGS) $(CURIA_CPPFLAGS) \
	  --clang $(CLANG) $(check_clang_target) $(RV_ARCH) $(RV_CODEGEN) $(RV_LIBC) $(WARNINGS) $(CURIA_CPPFLAGS) \
	  --host $(HOSTCC) $(HOST_CFLAGS) -D_DEFAULT_SOURCE $(HOST_CPPFLAGS) \
	  --linux $(LINUX_CROSS)gcc -std=gnu11 $(WARNINGS) -I.

check-size: size

# --- both compilers, the analyzers ---------------------------------------------------------------

check_clang_target := --target=riscv64-unknown-elf -isystem /usr/lib/picolibc/riscv64-unknown-elf/include

# The whole image and the guests by clang, with the locks' annotations checked.
check-clang:
	@$(MAKE) --no-print-directory COMPILER=clang all

check_guest_src := $(wildcard guests/lib/*.c) $(foreach g,$(GUEST_NAMES),$(wildcard guests/$(g)/*.c))
check_src := $(CURIA_C) $(check_guest_src)

check-analyzer: $(check_src:%.c=$(CHECK_OUT)/analyzer/%.o)

$(CHECK_OUT)/analyzer/%.o: %.c Makefile tests/lint/check.mk $(DEPS_STAMP) | $(GEN_HEADERS)
	@mkdir -p $(@D)
	@$(RV_GCC) --specs=picolibc.specs $(RV_CFLAGS) -fanalyzer $(CURIA_CPPFLAGS) -MMD -MP -c -o $@ $<

check-tidy: $(check_src:%.c=$(CHECK_OUT)/tidy/%.ok)

# The object of the analyzer knows which headers this source reads.
$(CHECK_OUT)/tidy/%.ok: %.c .clang-tidy $(CHECK_OUT)/analyzer/%.o
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(check_clang_target) $(RV_ARCH) -std=c11 -ffreestanding $(RV_LIBC) \
	  $(CURIA_CPPFLAGS) 2>$@.err || { cat $@.err; exit 1; }
	@touch $@

-include $(check_src:%.c=$(CHECK_OUT)/analyzer/%.d)

check-misra: $(GEN_HEADERS)
	@mkdir -p $(CHECK_OUT)/cppcheck
	@tests/misra/misra.py --jobs $(CHECK_JOBS) --build-dir $(CHECK_OUT)/cppcheck $(CURIA_C)
