# SPDX-License-Identifier: BSD-2-Clause
#
# The Linux guests' parts: the module against Debian's headers, curiactl, the initramfs. Kbuild
# writes beside its sources, so it is given links to them under build/.

LINUX_OUT   := build/guests/linux
LINUX_INITRD := build/guests/initrd.cpio
linux_ko    := $(LINUX_OUT)/curia/curia.ko
linux_wdt   := $(LINUX_OUT)/curia/curia_wdt.ko
linux_ctl   := $(LINUX_OUT)/curiactl
linux_ko_src := $(addprefix guests/linux/curia/,Kbuild curia.h channel.h main.c sbi.c channel.c \
                  mailbox.c region.c power.c sleep.c policy.c ctl.c watchdog.c)
linux_ctl_src := $(wildcard guests/linux/curiactl/*.c)
linux_ctl_hdr := $(wildcard guests/linux/curiactl/*.h) guests/demo_messages.h
linux_abi   := sbi/abi.h sbi/abi_sbi.h guests/linux/curia_uapi.h

.PHONY: linux
linux: $(linux_ko) $(linux_ctl) $(LINUX_INITRD) ## the Linux guests' module, tool and initramfs

$(linux_ko): $(linux_ko_src) $(linux_abi) $(DEPS_STAMP) guests/linux/linux.mk
	@mkdir -p $(@D)
	@echo "  KBUILD  $@"
	@ln -sf $(addprefix $(CURDIR)/,$(linux_ko_src)) $(@D)/
	@$(KBUILD_MAKE) M=$(CURDIR)/$(@D) CURIA_ROOT=$(CURDIR) modules >$(@D)/build.log 2>&1 || \
	  { cat $(@D)/build.log >&2; exit 1; }
	@touch $@

$(linux_wdt): $(linux_ko) ;

$(linux_ctl): $(linux_ctl_src) $(linux_ctl_hdr) $(linux_abi) guests/linux/linux.mk
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@$(LINUX_CROSS)gcc -std=gnu11 -O2 $(WARNINGS) -I. -static -s -o $@ $(linux_ctl_src)

$(LINUX_INITRD): $(linux_ko) $(linux_ctl) $(BUSYBOX) guests/linux/initramfs.sh \
                 $(wildcard guests/linux/initramfs/*) guests/linux/linux.mk
	@mkdir -p $(@D)
	@echo "  CPIO    $@"
	@guests/linux/initramfs.sh -o $@ -b $(BUSYBOX) -t $(linux_ctl) -m $(linux_ko) -m $(linux_wdt) \
	  -m $(KERNEL_MODULES)/kernel/drivers/watchdog/watchdog.ko.xz \
	  -s $(LINUX_CROSS)strip
