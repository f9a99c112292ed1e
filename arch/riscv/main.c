/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the first C function to the guests, on the boot hart: what the machine is, whether it will
 * do, harts and devices, then the system of the manifest. Whatever is missing ends the boot with a
 * message that says how to mend it.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/early.h"
#include "arch/riscv/fw_sbi.h"
#include "arch/riscv/imsic.h"
#include "arch/riscv/isa.h"
#include "arch/riscv/mmu.h"
#include "arch/riscv/probe.h"
#include "core/arch.h"
#include "core/console.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/ram.h"

#include "version.h"

#include <string.h>

#define SPEC_VERSION(major, minor) ((uint64_t)(major) << 24 | (minor))

static const struct uart_ops fw_uart = {.put = fw_putc, .get = fw_getc};

static const void *bundle;

const void *arch_bundle(void)
{
    return bundle;
}

/* Gives the hart its windows; the table above them comes from the arena once for all. */
static void add_window(struct rv_hart *hart)
{
    uint64_t va = RV_WINDOWS_VA + (uint64_t)hart->core.index * RV_WINDOWS * RV_WINDOW_BYTES;

    hart->window = (char *)va;
    hart->window_pte =
        (_Atomic uint64_t *)&rv_local_table[(va / RV_WINDOW_BYTES) & (PTES_PER_TABLE - 1)];
}

static void add_hart(const struct board_hart *board, uint64_t boot_id)
{
    bool boot = board->id == boot_id;
    struct rv_hart *hart = boot ? &rv_boot_hart : pool_alloc(sizeof(*hart), 64);
    uint32_t index = machine.hart_count;

    if (hart == NULL) {
        boot_fail(POOL_USED_UP);
    }
    hart->board = board;
    rv_isa_read(hart, index != 0 ? rv_hart_of(machine.harts[index - 1]) : NULL);
    hart->core.index = index;
    hart->core.id = board->id;
    timer_queue_init(&hart->core.timers);
    add_window(hart);
    if (!boot) {
        /* Slot 0 is the boot hart's; harts before it in the FDT must not take it. */
        hart->stack_top = mmu_map_stack(index + 1);
        if (hart->stack_top == 0) {
            boot_fail(POOL_USED_UP);
        }
    }
    machine.harts[index] = &hart->core;
    machine.hart_count = index + 1;
}

static void build_harts(uint64_t boot_id)
{
    const struct board *b = &machine.board;
    bool boot_seen = false;

    machine.timebase_hz = b->timebase_hz;
    machine.harts = pool_alloc(b->hart_count * sizeof(*machine.harts), sizeof(void *));
    if (machine.harts == NULL || b->hart_count > RV_HARTS_MAX - 1) {
        boot_fail("the FDT names %u harts; this build bears %u", (unsigned int)b->hart_count,
                  RV_HARTS_MAX - 1u);
    }
    for (uint32_t i = 0; i < b->hart_count; i++) {
        const struct board_hart *h = &b->harts[i];

        if (!rv_isa_has(h, "h")) {
            log_warn("hart %llu has no H extension and is left to the firmware",
                     (unsigned long long)h->id);
            continue;
        }
        boot_seen = boot_seen || h->id == boot_id;
        add_hart(h, boot_id);
    }
    if (!boot_seen) {
        boot_fail("this hart (%llu) has no H (hypervisor) extension, or the FDT does not say so: "
                  "Curia needs H in riscv,isa or riscv,isa-extensions (QEMU: -cpu rv64,h=true)",
                  (unsigned long long)boot_id);
    }
}

/* Image and arena must be RAM that the boot loader has put nothing else into. */
static void check_footprint(uint64_t fdt)
{
    const struct board *b = &machine.board;
    uint64_t base = mmu_image_base().v;
    bool inside = false;

    for (uint32_t i = 0; i < b->ram.count; i++) {
        const struct ram_range *r = &b->ram.free[i];

        inside = inside || range_within(base, RV_FOOTPRINT, r->start, r->size);
    }
    if (!inside) {
        boot_fail("0x%llx to 0x%llx must be free RAM: load the image where 8 MiB follow it",
                  (unsigned long long)base, (unsigned long long)(base + RV_FOOTPRINT));
    }
    if (range_overlaps(base, RV_FOOTPRINT, fdt, b->fdt_size) ||
        (b->bundle.size != 0 && range_valid(b->bundle.start, b->bundle.size) &&
         range_overlaps(base, RV_FOOTPRINT, b->bundle.start, b->bundle.size))) {
        boot_fail("FDT and bundle must not lie between 0x%llx and 0x%llx, which belongs to the "
                  "image: load them elsewhere",
                  (unsigned long long)base, (unsigned long long)(base + RV_FOOTPRINT));
    }
}

/* What the boot loader left in RAM is nobody's to hand out. */
static void reserve_ram(uint64_t fdt)
{
    struct board *b = &machine.board;

    check_footprint(fdt);
    if (ram_reserve(&b->ram, mmu_image_base().v, RV_FOOTPRINT) != ERR_OK ||
        ram_reserve(&b->ram, fdt, b->fdt_size) != ERR_OK ||
        ram_reserve(&b->ram, b->bundle.start, b->bundle.size) != ERR_OK) {
        boot_fail("the FDT's memory is in too many pieces");
    }
}

static void read_board(uint64_t fdt)
{
    struct board *b = &machine.board;
    const void *blob = mmu_map_fdt(hpa(fdt));
    const char *why = NULL;

    if (blob == NULL) {
        boot_fail("no FDT at 0x%llx (a1): the boot loader must pass one, 8-byte aligned and below "
                  "2 MiB",
                  (unsigned long long)fdt);
    }
    if (board_read(b, blob, &why) != ERR_OK) {
        boot_fail("the FDT cannot be used: %s", why);
    }
    reserve_ram(fdt);
    if (b->bundle.size != 0) {
        bundle = mmu_map_blob(hpa(b->bundle.start), b->bundle.size);
        if (bundle == NULL) {
            boot_fail("the bundle at 0x%llx cannot be mapped", (unsigned long long)b->bundle.start);
        }
    }
}

static void check_firmware(void)
{
    static const struct {
        uint64_t eid;
        const char *name, *use;
    } needed[] = {
        {SBI_EXT_HSM, "HSM", "start harts"},
        {SBI_EXT_SRST, "SRST", "power off and reset"},
    };
    uint64_t version = fw_spec_version();
    bool missing = false;

    if (version < SPEC_VERSION(0, 3)) {
        boot_fail("the firmware implements SBI %u.%u; Curia needs 0.3 or newer (OpenSBI 0.9, or "
                  "RustSBI)",
                  (unsigned int)(version >> 24), (unsigned int)(version & 0xffffff));
    }
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        if (!fw_has(needed[i].eid)) {
            log_error("the firmware lacks the SBI extension %s: Curia cannot %s", needed[i].name,
                      needed[i].use);
            missing = true;
        }
    }
    if (!rv_features.sstc && !fw_has(SBI_EXT_TIME)) {
        log_error("neither Sstc nor the SBI extension TIME: no timer");
        missing = true;
    }
    if (missing) {
        boot_fail("the firmware is too small for Curia: update it, or enable what is named above");
    }
}

static void check_irqs(void)
{
    const char *why = NULL;

    if (platform_init(&why) != ERR_OK) {
        boot_fail("%s", why);
    }
    if (!rv_imsic_present() && !fw_has(SBI_EXT_IPI)) {
        boot_fail(
            "harts cannot signal each other: the machine has no IMSIC and the firmware no IPI "
            "extension; update the firmware");
    }
    machine.kicks_together = !rv_imsic_present();
}

static void tell_machine(void)
{
    const struct board *b = &machine.board;
    const struct rv_features *f = &rv_features;

    log_info("%s: %u harts, timebase %u kHz, %u MiB of RAM free",
             b->model != NULL ? b->model : "unnamed machine", (unsigned int)machine.hart_count,
             (unsigned int)(machine.timebase_hz / 1000u),
             (unsigned int)(ram_free_bytes(&b->ram) / MIB));
    log_info("harts have%s%s%s%s%s%s%s, %u VMID bits, %u guest files", f->sv48x4 ? " Sv48x4" : "",
             f->sstc ? " Sstc" : "", f->aia ? " AIA" : "", f->smstateen ? " Smstateen" : "",
             f->svinval ? " Svinval" : "", f->zicboz_block != 0 ? " Zicboz" : "",
             f->henvcfg ? " henvcfg" : "", (unsigned int)f->vmid_bits,
             (unsigned int)machine.irqchip.guest_files);
}

/* A benchmark reads this line. Page tables, stacks and the FDT's tables come from the arena. */
static void tell_memory(void)
{
    uint64_t image = (uint64_t)(rv_image_end - rv_image_start);
    uint64_t used = pool_used();

    log_info("memory: image %u bytes, arena %u bytes, sum %u bytes", (unsigned int)image,
             (unsigned int)used, (unsigned int)(image + used));
}

void rv_main(uint64_t hart_id, uint64_t fdt)
{
    machine.boot_ticks = arch_now();
    fw_console_init();
    console_set_uart(&fw_uart);
    mmu_init();
    rv_boot_hart.core.id = hart_id;

    read_board(fdt);
    machine.timebase_hz = machine.board.timebase_hz;
    log_info("Curia %s, loaded at 0x%llx, boot hart %llu", CURIA_VERSION,
             (unsigned long long)mmu_image_base().v, (unsigned long long)hart_id);
    build_harts(hart_id);
    rv_features_read(machine.harts, machine.hart_count);
    if (!rv_features.sv39x4) {
        boot_fail("the harts have no Sv39x4 second-stage translation");
    }
    check_firmware();
    check_irqs();
    tell_machine();
    rv_harts_start();

    machine_build();
    tell_memory();
    rv_harts_go();
    rv_run(&rv_boot_hart);
}
