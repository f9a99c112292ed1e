# SPDX-License-Identifier: BSD-2-Clause
#
# What the tests of whole machines start: Curia itself, the selftest guest, the demo's bundle, the
# demo's initramfs with a program more, and with nothing of Curia's in use.

PROBE_INITRD := build/test/initrd.cpio
KEY_INITRD   := build/test/key.cpio

.PHONY: test-qemu soak
TEST_NEEDS += build/curia.bin build/guests/selftest.bin build/guests/bench.bin $(MANIFEST_TOOL) $(DEMO_BUNDLE) $(PROBE_INITRD) \
  $(KEY_INITRD) build/guests/vectors.bin

SOAK_SECONDS ?= 600

soak: build/curia.bin $(TEST_NEEDS) ## 1000 restarts beside others, then a hostile guest, for SOAK_SECONDS (600)
	@PYTHONPATH=tools $(PYTHON) -B tests/qemu/soak.py --irqchip $(IRQCHIP) $(SOAK_SECONDS)

test-qemu: build/curia.bin $(TEST_NEEDS) ## the tests under QEMU alone
	@$(PYTEST) tests/qemu

build/test/initrd/sbin/probe: tests/qemu/probe.c sbi/abi.h sbi/abi_sbi.h tests/qemu/qemu.mk
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(LINUX_CROSS)gcc -std=gnu11 -O2 $(WARNINGS) -I. -static -s -o $@ $<

# Linux unpacks archives that follow one another.
$(PROBE_INITRD): $(LINUX_INITRD) build/test/initrd/sbin/probe
	@echo "  CPIO    $@"
	@{ cat $(LINUX_INITRD) && cd build/test/initrd && find . -mindepth 1 | cpio --quiet -o -H newc; } >$@.new
	@mv $@.new $@

key_modules := $(addprefix $(KERNEL_MODULES)/kernel/drivers/,input/evdev.ko.xz virtio/virtio_mmio.ko.xz \
                 virtio/virtio_input.ko.xz)

$(KEY_INITRD): $(LINUX_INITRD) tests/qemu/key_rcS tests/qemu/key_action tests/qemu/qemu.mk
	@echo "  CPIO    $@"
	@rm -rf build/test/key && mkdir -p build/test/key/{lib,etc/acpi/PWRF}
	@install -m 755 tests/qemu/key_rcS build/test/key/etc/rcS
	@install -m 755 tests/qemu/key_action build/test/key/etc/acpi/PWRF/00000080
	@for m in $(key_modules); do xz -dc $$m >build/test/key/lib/$$(basename $$m .xz); done
	@{ cat $(LINUX_INITRD) && cd build/test/key && find . -mindepth 1 | cpio --quiet -o -H newc; } >$@.new
	@mv $@.new $@

# What moves Curia's vector registers, as it is in Curia, in a program that runs without it.
vectors_obj := $(addprefix build/guests/obj/,tests/qemu/vectors.o guests/selftest/tap.o guests/selftest/vector_asm.S.o) \
               build/obj/arch/riscv/vec.S.o

build/guests/vectors.elf: $(vectors_obj) $(guest_lib_obj) $(guest_fdt_obj) guests/lib/guest.lds tests/qemu/qemu.mk
	@echo "  LD      $@"
	@$(RV_LD) $(RV_LDFLAGS) -Wl,--defsym=GUEST_BASE=$(GUEST_BASE_selftest) -T guests/lib/guest.lds -o $@ $(filter %.o,$^)

-include build/guests/obj/tests/qemu/vectors.d
