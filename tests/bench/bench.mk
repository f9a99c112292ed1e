# SPDX-License-Identifier: BSD-2-Clause
#
# `make bench`: what operations cost, in instructions and exits, beside the same guest without Curia.

# Where OpenSBI, too, would start a kernel: it runs natively as well.
GUEST_BASE_bench := 0x80200000
$(eval $(call guest_rules,bench))
-include $(patsubst %.c,$(GUESTS_OUT)/obj/%.d,$(wildcard guests/bench/*.c))

BENCH_BUNDLES := $(patsubst platforms/qemu-virt/%.dts,build/bench/%.itb,$(wildcard platforms/qemu-virt/bench*.dts))

build/bench/insncount.so: tests/bench/insncount.c tests/bench/qemu_plugin.h tests/bench/bench.mk
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(HOSTCC) -std=c11 -D_DEFAULT_SOURCE -O2 -g $(WARNINGS) -I. -shared -fPIC -o $@ $<

build/bench/%.itb: build/manifest/%.dtb build/guests/bench.bin tools/mkbundle
	@mkdir -p $(@D)
	@echo "  BUNDLE  $@"
	@MKIMAGE=$(MKIMAGE) tools/mkbundle -o $@ --manifest $< --image bench=build/guests/bench.bin

BENCH_INITRD := build/bench/initrd.cpio

build/bench/initrd/init: tests/bench/items.c guests/bench/rows.h tests/bench/bench.mk
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(LINUX_CROSS)gcc -std=gnu11 -O2 $(WARNINGS) -I. -static -s -o $@ $<

$(BENCH_INITRD): build/bench/initrd/init
	@echo "  CPIO    $@"
	@cd build/bench/initrd && echo init | cpio --quiet --create --format=newc --owner=+0:+0 >../initrd.cpio

bench_needs := build/bench/insncount.so $(BENCH_BUNDLES) build/guests/bench.bin build/curia.bin \
               $(DEMO_BUNDLE) build/guests/initrd.cpio $(BENCH_INITRD)

.PHONY: bench
# Families of rows (none: all), "1" or a row whose instructions are told by function, "1": what comes out has landed.
BENCH ?=
PROFILE ?=
KEEP ?=
bench: $(bench_needs) ## the tables of costs, Curia beside native: build/bench.json (BENCH=quick: operations; PROFILE=1: by function)
	@QEMU=$(QEMU) RV_PREFIX=$(RV_PREFIX) KERNEL_IMAGE=$(KERNEL_IMAGE) $(PYTHON) -B tests/bench/bench.py $(BENCH) \
	  $(if $(PROFILE),--profile $(PROFILE)) $(if $(KEEP),--keep)
