# SPDX-License-Identifier: BSD-2-Clause
#
# Freestanding guests: guests/lib under each of them, libfdt for the FDT. The rtos lies at the start
# of RAM; the selftest where OpenSBI, too, would start a kernel, so that it runs without Curia.

GUESTS_OUT := $(OUT)/guests
GUEST_NAMES := rtos selftest
GUEST_BASE_rtos     := 0x80000000
GUEST_BASE_selftest := 0x80200000
GUEST_CPPFLAGS := -I. -isystem $(LIBFDT_DIR)
GUEST_CFLAGS := $(RV_CFLAGS)
guest_lib_obj := $(patsubst %.c,$(GUESTS_OUT)/obj/%.o,$(wildcard guests/lib/*.c)) \
                 $(GUESTS_OUT)/obj/guests/lib/start.S.o
guest_obj = $(patsubst %.c,$(GUESTS_OUT)/obj/%.o,$(wildcard guests/$(1)/*.c)) \
            $(patsubst %.S,$(GUESTS_OUT)/obj/%.S.o,$(wildcard guests/$(1)/*.S))
guest_fdt_obj := $(filter $(OBJ)/libfdt/%,$(THIRD_PARTY_OBJ))
guest_all_obj := $(guest_lib_obj) $(foreach g,$(GUEST_NAMES),$(call guest_obj,$(g)))

.PHONY: guests
guests: $(GUEST_NAMES:%=$(GUESTS_OUT)/%.bin) ## freestanding guests: build/guests/*.bin
all: guests

define guest_rules
$(GUESTS_OUT)/$(1).elf: $(call guest_obj,$(1)) $(guest_lib_obj) $(guest_fdt_obj) \
                        guests/lib/guest.lds guests/guests.mk
	@mkdir -p $$(@D)
	@echo "  LD      $$@"
	@$$(RV_LD) $$(RV_LDFLAGS) -Wl,--defsym=GUEST_BASE=$(GUEST_BASE_$(1)) \
	  -T guests/lib/guest.lds -Wl,-Map=$$(@:.elf=.map) -o $$@ $$(filter %.o,$$^)
endef
$(foreach g,$(GUEST_NAMES),$(eval $(call guest_rules,$(g))))

$(GUESTS_OUT)/%.bin: $(GUESTS_OUT)/%.elf
	@echo "  OBJCOPY $@"
	@$(RV_OBJCOPY) -O binary $< $@

$(GUESTS_OUT)/obj/%.o: %.c Makefile guests/guests.mk $(DEPS_STAMP)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(RV_CC) $(GUEST_CFLAGS) $(GUEST_CPPFLAGS) -MMD -MP -c -o $@ $<

$(GUESTS_OUT)/obj/%.S.o: %.S Makefile guests/guests.mk
	@mkdir -p $(@D)
	@echo "  AS      $<"
	@$(RV_GCC) $(RV_ASFLAGS) -I. -MMD -MP -c -o $@ $<

-include $(guest_all_obj:.o=.d)
-include guests/linux/linux.mk
