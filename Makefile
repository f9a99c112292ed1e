# SPDX-License-Identifier: BSD-2-Clause
#
# Curia's build. This file holds the toolchain, the flags, the packages and the hypervisor itself;
# each fragment included at the end holds the recipes of its own folder. `make help` lists targets.

MAKEFLAGS += --no-builtin-rules --no-builtin-variables
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
.PHONY: FORCE all deps deps-check size clean distclean help

# --- packages ------------------------------------------------------------------------------------

# Whatever is to be built, what tools/packages.txt names must be there. A quick look (0.1 s) says
# so; `make deps` does the rest. Not for goals that need nothing, nor under -n and -q, nor again in
# a make that this one starts.
DEPS_STAMP := build/deps/stamp.mk
deps_free_goals := deps clean distclean help
make_options := $(filter-out --%,$(firstword -$(MAKEFLAGS)))

ifneq ($(or $(if $(MAKECMDGOALS),,all),$(filter-out $(deps_free_goals),$(MAKECMDGOALS))),)
ifeq ($(or $(findstring n,$(make_options)),$(findstring q,$(make_options))),)
ifneq ($(CURIA_DEPS_ENSURED),$(CURDIR))
ifneq ($(shell tools/deps.sh ensure >&2 && echo yes),yes)
$(error What the build needs is missing; the lines above say how to mend it)
endif
export CURIA_DEPS_ENSURED := $(CURDIR)
endif
endif
endif

-include $(DEPS_STAMP)

# --- toolchain -----------------------------------------------------------------------------------

HOSTCC   ?= gcc
CLANG    ?= clang
RV_PREFIX ?= riscv64-unknown-elf-
RV_GCC     := $(RV_PREFIX)gcc
RV_OBJCOPY := $(RV_PREFIX)objcopy
RV_SIZE    := $(RV_PREFIX)size
DTC        ?= dtc
MKIMAGE    ?= mkimage
QEMU       ?= qemu-system-riscv64
# Debian's pytest and pexpect belong to Debian's Python, whichever other comes first on PATH.
PYTHON     := /usr/bin/python3

# Everything between COMPILER=gcc and COMPILER=clang differs in this block only. Both use GNU's
# assembler for *.S and GNU's linker: clang 14 knows no H extension.
COMPILER ?= gcc
ifeq ($(COMPILER),gcc)
OUT   := build
RV_CC := $(RV_GCC) --specs=picolibc.specs
else ifeq ($(COMPILER),clang)
OUT   := build/clang
RV_CC := $(CLANG) --target=riscv64-unknown-elf -isystem /usr/lib/picolibc/riscv64-unknown-elf/include
else
$(error COMPILER is gcc or clang, not '$(COMPILER)')
endif
OBJ := $(OUT)/obj
GEN := build/gen

# --- third-party sources, unpacked by make deps --------------------------------------------------

LIBFDT_DIR  := build/deps/src/dtc/libfdt
LIBFDT_SRC  := $(addprefix $(LIBFDT_DIR)/,fdt.c fdt_ro.c fdt_wip.c fdt_sw.c fdt_rw.c fdt_strerror.c \
                 fdt_empty_tree.c fdt_addresses.c fdt_overlay.c fdt_check.c)
BEARSSL_DIR := build/deps/src/bearssl
BEARSSL_SRC := $(addprefix $(BEARSSL_DIR)/src/,hash/sha2small.c codec/dec32be.c codec/enc32be.c)
$(LIBFDT_SRC) $(BEARSSL_SRC): ;

# What our own code may include of them; and what they need to be compiled, as they are.
THIRD_PARTY_INCLUDES := -isystem $(LIBFDT_DIR) -isystem $(BEARSSL_DIR)/inc
THIRD_PARTY_CPPFLAGS := -I$(LIBFDT_DIR) -I$(BEARSSL_DIR)/inc -I$(BEARSSL_DIR)/src
THIRD_PARTY_CFLAGS   := -std=gnu11 -w

# --- flags ---------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Werror -Wconversion -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
            -Wswitch-enum -Wvla -Wundef -Wwrite-strings -fno-common
WARNINGS_TARGET := $(WARNINGS) -Wstack-usage=1024
ifeq ($(COMPILER),clang)
# The same limit under clang's name.
WARNINGS_TARGET := $(WARNINGS) -Wframe-larger-than=1024 -Wthread-safety
endif

# The ISA string is picolibc's multilib: one with _zicsr finds no library of this ABI. The 2.2 ISA
# specification has the CSR instructions and fence.i in the base, so that the assembler takes them;
# H comes by `.option arch, +h` where it is used. -mstrict-align: whether a hart does misaligned
# accesses itself, or its firmware emulates them, is not known when the image is built.
# -malign-data: or each string begins at a multiple of 8.
RV_ARCH := -march=rv64imac -mabi=lp64 -mcmodel=medany -msmall-data-limit=0
RV_ARCH_GNU := $(RV_ARCH) -misa-spec=2.2 -mstrict-align -malign-data=natural
ifeq ($(COMPILER),gcc)
RV_ARCH_CC := $(RV_ARCH_GNU)
else
RV_ARCH_CC := $(RV_ARCH)
endif

# Linker relaxation stays on (shorter calls); no linker script defines __global_pointer$, so that
# nothing uses gp, which is the guest's at a trap.
#
# RV_OPT: small, but for what runs at every exit or once per byte, which is fast; see CURIA_HOT.
RV_OPT := -O2
RV_CODEGEN = $(RV_OPT) -g -ffreestanding -fno-pic -ffunction-sections -fdata-sections \
              -fno-asynchronous-unwind-tables -fno-strict-aliasing -fstack-protector-strong \
              -ffile-prefix-map=$(CURDIR)=.
# Integer printf only: 2 KB where the full one takes 12, and no floating point.
RV_LIBC := -DPICOLIBC_INTEGER_PRINTF_SCANF

# For freestanding programs on the target, guests included: add -T and the include paths.
RV_CFLAGS   = -std=c11 $(RV_ARCH_CC) $(RV_CODEGEN) $(RV_LIBC) $(WARNINGS_TARGET)
RV_ASFLAGS := $(RV_ARCH_GNU) -g -Wa,--fatal-warnings -Wa,--debug-prefix-map=$(CURDIR)=.
RV_LD      := $(RV_GCC) --specs=picolibc.specs
RV_LDFLAGS := $(RV_ARCH_GNU) $(RV_LIBC) -nostartfiles -static -Wl,--gc-sections -Wl,--build-id=none \
              -Wl,--fatal-warnings -Wl,-z,max-page-size=4096

CURIA_CPPFLAGS := -I. -I$(GEN) $(THIRD_PARTY_INCLUDES)

# For the host: tools, and core/, sbi/ and the virtual devices under test.
HOST_CPPFLAGS := -I. -I$(GEN) $(THIRD_PARTY_INCLUDES)
HOST_CFLAGS   := -std=c11 -O1 -g $(WARNINGS)

# --- the hypervisor ------------------------------------------------------------------------------

CURIA_C := $(filter-out arch/riscv/asm_offsets.c,$(wildcard core/*.c sbi/*.c drivers/*.c \
             drivers/virtual/*.c platforms/*.c arch/riscv/*.c))
CURIA_S := $(wildcard arch/riscv/*.S)
CURIA_OBJ := $(CURIA_C:%.c=$(OBJ)/%.o) $(CURIA_S:%.S=$(OBJ)/%.S.o)
THIRD_PARTY_OBJ := $(LIBFDT_SRC:$(LIBFDT_DIR)/%.c=$(OBJ)/libfdt/%.o) \
                   $(BEARSSL_SRC:$(BEARSSL_DIR)/src/%.c=$(OBJ)/bearssl/%.o)
GEN_HEADERS := $(GEN)/version.h $(GEN)/asm_offsets.h

# What a guest waits for, and what touches every byte of an image or of RAM. The rest is built for
# size: text is bounded (`make size`), and boot and power transitions happen once. Warm is what
# gains nothing by -O2, but would lose by calls for its prologues or by hiding within its callers.
CURIA_HOT := $(addprefix arch/riscv/,trap.c exit_mmio.c insn.c copy.c window.c hart.c vcpu.c vcpu_irq.c tlb.c) \
             $(addprefix core/,virq.c mmio_bus.c hart.c vcpu.c sched.c runqueue.c budget.c ipc.c) \
             $(addprefix sbi/,sbi.c ext_ipc.c ext_ipi.c ext_rfence.c ext_time.c hartmask.c) \
             drivers/virtual/vaplic.c drivers/virtual/vplic.c drivers/plic.c
CURIA_WARM := core/timer.c core/bundle.c drivers/aplic.c
CURIA_SMALL := -Os
ifeq ($(COMPILER),gcc)
CURIA_SMALL += -msave-restore
endif
CURIA_COLD_OBJ := $(filter-out $(patsubst %.c,$(OBJ)/%.o,$(CURIA_HOT) $(CURIA_WARM)),$(CURIA_OBJ)) \
                  $(THIRD_PARTY_OBJ)
$(CURIA_COLD_OBJ): RV_OPT := $(CURIA_SMALL)
$(CURIA_WARM:%.c=$(OBJ)/%.o): RV_OPT := -Os

# The cold part is optimized as one program when it is linked, 7 % smaller; not what the compiler
# calls of its own accord (memset, __stack_chk_fail), too late for the linker to find it there.
ifeq ($(COMPILER),gcc)
CURIA_LTO := -flto -flto-partition=one
$(filter-out %.S.o %/hart.o %/string.o,$(CURIA_COLD_OBJ)): \
  RV_OPT := $(CURIA_SMALL) $(CURIA_LTO) -ffat-lto-objects
CURIA_LTO_LDFLAGS := $(CURIA_SMALL) $(CURIA_LTO) -Werror -Wstack-usage=1024
endif

# libfdt: fdt.c is every pass over a tree. FDT_ASSUME_MASK takes out what never guards memory: checks
# of libfdt itself, undoing a write that found no room, other orders of blocks, versions before 17.
# It has no arrays on its stack, and -strong would guard all that lend out the address of an int.
$(OBJ)/libfdt/fdt.o: RV_OPT := -O2
$(OBJ)/libfdt/%.o: THIRD_PARTY_CFLAGS += -DFDT_ASSUME_MASK=0x3c -fstack-protector

all: $(OUT)/curia.elf $(OUT)/curia.bin ## the hypervisor: build/curia.elf, build/curia.bin (COMPILER=clang: build/clang/)

$(OUT)/curia.elf: $(CURIA_OBJ) $(THIRD_PARTY_OBJ) $(GEN)/link.ld Makefile
	@echo "  LD      $@"
	@$(RV_LD) $(RV_LDFLAGS) $(CURIA_LTO_LDFLAGS) \
	  -T $(GEN)/link.ld -Wl,-Map=$(@:.elf=.map) -o $@ $(filter %.o,$^)

$(OUT)/curia.bin: $(OUT)/curia.elf
	@echo "  OBJCOPY $@"
	@$(RV_OBJCOPY) -O binary $< $@

$(CURIA_C:%.c=$(OBJ)/%.o): $(OBJ)/%.o: %.c Makefile $(DEPS_STAMP) | $(GEN_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(RV_CC) $(RV_CFLAGS) $(CURIA_CPPFLAGS) -MMD -MP -c -o $@ $<

$(CURIA_S:%.S=$(OBJ)/%.S.o): $(OBJ)/%.S.o: %.S Makefile | $(GEN_HEADERS)
	@mkdir -p $(@D)
	@echo "  AS      $<"
	@$(RV_GCC) $(RV_ASFLAGS) $(CURIA_CPPFLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/libfdt/%.o: $(LIBFDT_DIR)/%.c Makefile $(DEPS_STAMP)
	@mkdir -p $(@D)
	@echo "  CC      libfdt/$(<F)"
	@$(RV_CC) $(RV_ARCH_CC) $(RV_CODEGEN) $(THIRD_PARTY_CFLAGS) $(THIRD_PARTY_CPPFLAGS) -c -o $@ $<

$(OBJ)/bearssl/%.o: $(BEARSSL_DIR)/src/%.c Makefile $(DEPS_STAMP)
	@mkdir -p $(@D)
	@echo "  CC      bearssl/$(<F)"
	@$(RV_CC) $(RV_ARCH_CC) $(RV_CODEGEN) $(THIRD_PARTY_CFLAGS) $(THIRD_PARTY_CPPFLAGS) -c -o $@ $<

# The linker script goes through the preprocessor, so that it can share constants with the code.
$(GEN)/link.ld: arch/riscv/link.ld Makefile
	@mkdir -p $(@D)
	@$(RV_GCC) -E -P -undef -x assembler-with-cpp -I. -D__LINKER__ -MMD -MP -MF $@.d -MT $@ -o $@ $<

# Offsets of struct members for the assembler: the compiler (gcc, always: clang reads its own
# assembly) writes lines "->NAME value" into a file that is never assembled; sed makes macros of them.
$(GEN)/asm_offsets.h: arch/riscv/asm_offsets.c Makefile $(DEPS_STAMP) | $(GEN)/version.h
	@mkdir -p $(@D)
	@echo "  GEN     $@"
	@$(RV_GCC) --specs=picolibc.specs -std=c11 $(RV_ARCH_GNU) $(RV_CODEGEN) -g0 -fno-lto $(WARNINGS) \
	  $(CURIA_CPPFLAGS) -MMD -MP -MF $@.d -MT $@ -S -o $@.s $<
	@{ echo '/* SPDX-License-Identifier: BSD-2-Clause */'; \
	   echo '/* Made from arch/riscv/asm_offsets.c */'; \
	   echo '#ifndef CURIA_GEN_ASM_OFFSETS_H'; echo '#define CURIA_GEN_ASM_OFFSETS_H'; \
	   sed -n 's/^[[:space:]]*->\([A-Za-z0-9_]*\)[[:space:]]\{1,\}\(-\{0,1\}[0-9]*\).*/#define \1 \2/p' $@.s; \
	   echo '#endif'; } > $@

# Written only when the version is another one, so that nothing else is compiled again.
$(GEN)/version.h: FORCE
	@mkdir -p $(@D)
	@{ echo '/* SPDX-License-Identifier: BSD-2-Clause */'; \
	   echo '#ifndef CURIA_GEN_VERSION_H'; echo '#define CURIA_GEN_VERSION_H'; \
	   echo "#define CURIA_VERSION \"$$(git describe --always --dirty 2>/dev/null || echo unknown)\""; \
	   echo '#endif'; } > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

-include $(CURIA_OBJ:.o=.d) $(GEN)/asm_offsets.h.d $(GEN)/link.ld.d

# Text is the section of that name, the instructions; constants are beside it.
CURIA_TEXT_MAX := 126976

size: $(OUT)/curia.elf ## sizes of the image; fails when its text is over 124 KiB
	@$(RV_SIZE) $<
	@text=$$($(RV_SIZE) -A $< | awk '$$1 == ".text" { print $$2 }'); \
	  echo "text: $$text of at most $(CURIA_TEXT_MAX) bytes"; \
	  ((text <= $(CURIA_TEXT_MAX)))

# --- third-party code for host tools -------------------------------------------------------------

HOST_THIRD_PARTY := build/host/third_party.a
host_third_party_obj := $(LIBFDT_SRC:$(LIBFDT_DIR)/%.c=build/host/obj/libfdt/%.o) \
                        $(BEARSSL_SRC:$(BEARSSL_DIR)/src/%.c=build/host/obj/bearssl/%.o)

$(HOST_THIRD_PARTY): $(host_third_party_obj)
	@echo "  AR      $@"
	@rm -f $@ && ar rcs $@ $^

build/host/obj/libfdt/%.o: $(LIBFDT_DIR)/%.c Makefile $(DEPS_STAMP)
	@mkdir -p $(@D)
	@$(HOSTCC) -O2 -g $(THIRD_PARTY_CFLAGS) $(THIRD_PARTY_CPPFLAGS) -c -o $@ $<

build/host/obj/bearssl/%.o: $(BEARSSL_DIR)/src/%.c Makefile $(DEPS_STAMP)
	@mkdir -p $(@D)
	@$(HOSTCC) -O2 -g $(THIRD_PARTY_CFLAGS) $(THIRD_PARTY_CPPFLAGS) -c -o $@ $<

# --- what make deps unpacks for Linux guests -----------------------------------------------------

KERNEL_RELEASE := $(DEPS_LINUX)
KERNEL_IMAGE   := build/deps/guest/Image
KERNEL_MODULES := build/deps/guest/lib/modules/$(KERNEL_RELEASE)
BUSYBOX        := build/deps/guest/busybox
KBUILD         := build/deps/linux-headers
LINUX_CROSS    := riscv64-linux-gnu-
# $(KBUILD_MAKE) M=<absolute directory> modules
KBUILD_MAKE     = $(MAKE) -C $(KBUILD) ARCH=riscv CROSS_COMPILE=$(LINUX_CROSS)

# --- the rest ------------------------------------------------------------------------------------

deps: ## install and unpack every package that Curia names (tools/packages.txt)
	@tools/deps.sh

# The look at the top of this file has done it by the time that any recipe runs.
deps-check: ;
$(DEPS_STAMP): ;

clean: ## remove what was built, but not what make deps brought
	@if [[ -d build ]]; then \
	  find build -mindepth 1 -maxdepth 1 ! -name deps ! -name apt -exec rm -rf {} +; fi

distclean: ## remove build/ altogether
	@rm -rf build

# Each fragment is written by, and read with, the folder that it stands in.
-include guests/guests.mk
-include tools/tools.mk
-include tests/tests.mk
-include tests/lint/check.mk
-include tests/bench/bench.mk

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(filter Makefile %.mk,$(MAKEFILE_LIST)) | \
	  sort | awk -F '\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'
