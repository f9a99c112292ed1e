# SPDX-License-Identifier: BSD-2-Clause
#
# curia-manifest, bundles, and the demo by hand (run) and by itself (demo).

IRQCHIP ?= aia
MACHINE_aia  := virt,aia=aplic-imsic,aia-guests=5
MACHINE_plic := virt
DEMO_MACHINE = $(or $(MACHINE_$(IRQCHIP)),$(error IRQCHIP is aia or plic, not '$(IRQCHIP)'))

# --- curia-manifest: the hypervisor's own reading of a manifest, on a desk ------------------------

MANIFEST_TOOL := build/host/curia-manifest
manifest_tool_src := tools/curia-manifest.c core/fdt.c core/board.c core/board_walk.c \
                     core/bundle.c core/pagepool.c core/ram.c core/power_graph.c core/power_steps.c \
                     core/power.c core/audit.c $(sort $(wildcard core/manifest*.c))

.PHONY: tools
tools: $(MANIFEST_TOOL) ## build/host/curia-manifest, which checks a manifest at a desk

$(MANIFEST_TOOL): $(manifest_tool_src) $(HOST_THIRD_PARTY) $(wildcard core/*.h) tools/tools.mk
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(HOSTCC) $(HOST_CFLAGS) -D_DEFAULT_SOURCE $(HOST_CPPFLAGS) -o $@ $(manifest_tool_src) $(HOST_THIRD_PARTY)

# --- bundles ---------------------------------------------------------------------------------------

DEMO_BUNDLE := build/demo.itb
SHARED_BUNDLE := build/demo-shared.itb

build/manifest/demo-shared.dtb: platforms/qemu-virt/demo.dts
build/manifest/%.dtb: platforms/qemu-virt/%.dts tools/tools.mk $(DEPS_STAMP)
	@mkdir -p $(@D)
	@echo "  DTC     $@"
	@$(DTC) -q -I dts -O dtb -o $@ $<

$(DEMO_BUNDLE) $(SHARED_BUNDLE): build/%.itb: build/manifest/%.dtb $(KERNEL_IMAGE) build/guests/initrd.cpio build/guests/rtos.bin tools/mkbundle
	@echo "  BUNDLE  $@"
	@MKIMAGE=$(MKIMAGE) tools/mkbundle -o $@ --manifest $< --image kernel=$(KERNEL_IMAGE) \
	  --image initrd=build/guests/initrd.cpio --image rtos=build/guests/rtos.bin

# --- the demo ----------------------------------------------------------------------------------------

# SHARED=1: the three domains on two harts.
SHARED ?=
demo_bundle := $(if $(SHARED),$(SHARED_BUNDLE),$(DEMO_BUNDLE))

.PHONY: run demo
run: build/curia.bin $(demo_bundle) ## the demo, by hand (IRQCHIP=plic: on a machine with a PLIC; SHARED=1: on two harts)
	@echo "Ctrl-] and a digit gives a VM the keyboard, Ctrl-] ? helps; Ctrl-A x ends QEMU"
	@$(QEMU) -M $(DEMO_MACHINE) -smp $(if $(SHARED),2,4) -m 2G -display none -serial mon:stdio \
	  -kernel build/curia.bin -initrd $(demo_bundle)

DEMO ?=
demo: build/curia.bin $(demo_bundle) ## the demo, played and checked by itself (IRQCHIP=plic; SHARED=1; DEMO=order|poweroff|hung|crashed|sleep)
	@QEMU=$(QEMU) $(PYTHON) -B tools/demo.py --irqchip $(IRQCHIP) $(if $(SHARED),--shared) $(DEMO)
