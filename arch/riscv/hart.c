/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hart's life: its CSRs at the start, the start itself by the firmware's HSM, kicks, timer, wait
 * and park. What is shared between harts here is `go` and each hart's online flag, both atomic.
 */
#include "arch/riscv/hart.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/early.h"
#include "arch/riscv/fw_sbi.h"
#include "arch/riscv/imsic.h"
#include "arch/riscv/mmu.h"
#include "arch/riscv/pmu.h"
#include "arch/riscv/probe.h"
#include "core/arch.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/vcpu.h"

#include <stdatomic.h>

_Static_assert(offsetof(struct rv_hart, stack_top) == RV_HART_STACK_TOP, "boot.S");
_Static_assert(offsetof(struct rv_hart, trap_regs) == RV_HART_TRAP_REGS, "boot.S");
_Static_assert(offsetof(struct rv_hart, sleep_sp) == RV_HART_SLEEP_SP, "boot.S");

#define START_WAIT_S 10u /* an emulated hart may get no processor for seconds */

struct rv_hart rv_boot_hart;
uint64_t __stack_chk_guard; /* set by boot.S */

static _Atomic uint32_t go;

_Noreturn void __stack_chk_fail(void);

_Noreturn void __stack_chk_fail(void)
{
    panic("a stack buffer was overrun (seen by %p)", __builtin_return_address(0));
}

/* HS level and the guest's own CSRs, by what the hart has; a reset need not have touched any. */
static void init_vs_csrs(void)
{
    csr_write(CSR_VSSTATUS, 0);
    csr_write(CSR_VSIE, 0);
    csr_write(CSR_VSTVEC, 0);
    csr_write(CSR_VSSCRATCH, 0);
    csr_write(CSR_VSEPC, 0);
    csr_write(CSR_VSCAUSE, 0);
    csr_write(CSR_VSTVAL, 0);
    if (rv_features.sstc) {
        csr_write(CSR_VSTIMECMP, UINT64_MAX);
    }
    if (rv_features.aia) {
        csr_write(CSR_VSISELECT, 0);
        csr_write(CSR_HVIEN, rv_features.lcofi_hvien);
        csr_write(CSR_HVIPRIO1, 0);
        csr_write(CSR_HVIPRIO2, 0);
    }
    if (rv_features.hvictl) {
        csr_write(CSR_HVICTL, 0);
    }
}

/*
 * Brings every CSR of HS and VS level that matters to a safe value: a warm reset keeps them. Own
 * hart, at its start.
 */
static void init_csrs(void)
{
    csr_write(CSR_SIE, 0);
    csr_write(CSR_SSTATUS, 0); /* interrupts, FP, vectors and SUM off */
    csr_write(CSR_SCOUNTEREN, 0);
    csr_clear(CSR_SIP, SIP_SSIP);

    csr_write(CSR_HSTATUS, HSTATUS_VSXL_64);
    csr_write(CSR_HEDELEG, 0);
    csr_write(CSR_HIDELEG, 0);
    csr_write(CSR_HIE, HIE_SGEIE); /* which comes only of what hgeie names: see own_file() */
    csr_write(CSR_HGEIE, 0);
    csr_write(CSR_HVIP, 0);
    csr_write(CSR_HCOUNTEREN, 0);
    csr_write(CSR_HTIMEDELTA, 0);
    csr_write(CSR_VSATP, 0); /* before hgatp, as at every change of VM */
    csr_write(CSR_HGATP, 0);
    if (rv_features.henvcfg) {
        csr_write(CSR_HENVCFG, rv_features.sstc ? HENVCFG_STCE : 0);
        csr_write(CSR_SENVCFG, 0);
    }
    if (rv_features.smstateen) {
        csr_write(CSR_HSTATEEN0, 0);
        csr_write(CSR_SSTATEEN0, 0);
    }
    init_vs_csrs();

    /* hfence.gvma, hfence.vvma: translations of an earlier boot, and those of the hgatp probe. */
    __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0\n\t"
                     ".insn r 0x73, 0, 0x11, x0, x0, x0" ::
                         : "memory");

    arch_hart_timer(UINT64_MAX);
    csr_write(CSR_SIE, SIE_SSIE | SIE_STIE | SIE_SEIE | rv_features.lcofi_hvien);
}

static void irqchip_hart_init(struct rv_hart *hart)
{
    if (machine.irqchip.ops != NULL && machine.irqchip.ops->hart_init != NULL) {
        machine.irqchip.ops->hart_init(&hart->core);
    }
}

/* V, or what of it Zve32x is; by the FDT and a look, since misa.V may be off. */
static uint32_t probe_vlenb(const struct board_hart *board)
{
    uint32_t bytes = 0;

    csr_set(CSR_SSTATUS, SSTATUS_VS);
    if ((rv_isa_has(board, "v") || rv_isa_has(board, "zve32x")) && rv_csr_exists(CSR_VLENB)) {
        bytes = (uint32_t)csr_read(CSR_VLENB);
    }
    csr_clear(CSR_SSTATUS, SSTATUS_VS);
    return bytes;
}

/* What boot hart and others do alike before the machine runs. */
static void hart_ready(struct rv_hart *hart)
{
    init_csrs();
    hart->vlenb = probe_vlenb(hart->board);
    rv_features_ask(hart);
    rv_imsic_hart_init(&hart->core);
    irqchip_hart_init(hart);
    atomic_store_explicit(&hart->online, 1, memory_order_release); /* pairs with await_hart() */
}

_Noreturn void rv_hart_main(struct rv_hart *hart)
{
    hart_ready(hart);

    /*
     * The acquire load pairs with the release in rv_harts_go(): all that the boot hart built. A
     * kick sent before the wfi stays pending and ends it. Once it is taken none comes again, so the
     * load must not have been done before that, which is a CSR's read, input to a fence [Unpriv,
     * "Zicsr"]; pairs with the fence of arch_hart_kick().
     */
    while (atomic_load_explicit(&go, memory_order_acquire) == 0) {
        __asm__ volatile("wfi" ::: "memory");
        rv_handle_irqs(hart);
        __asm__ volatile("fence i, r" ::: "memory");
    }
    /* The boot hart may have mapped devices since; the absence of a mapping may be cached. */
    __asm__ volatile("sfence.vma" ::: "memory");
    rv_run(hart);
}

void rv_harts_go(void)
{
    atomic_store_explicit(&go, 1, memory_order_release);
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        if (machine.harts[i] != arch_hart_self()) {
            arch_hart_kick(machine.harts[i]);
        }
    }
}

/* Each gets its own time: firmware brings them up one after the other. */
static void await_hart(struct rv_hart *hart)
{
    uint64_t deadline = arch_now() + START_WAIT_S * machine.timebase_hz;

    while (atomic_load_explicit(&hart->online, memory_order_acquire) == 0) {
        if (arch_now() >= deadline) {
            boot_fail(
                "hart %llu was started but does not come up; give it status = \"disabled\" in "
                "the FDT, or power the machine off and on",
                (unsigned long long)hart->core.id);
        }
        arch_relax();
    }
}

static uint64_t image_phys(void (*entry)(void))
{
    return (uint64_t)entry - RV_IMAGE_VA + mmu_image_base().v;
}

void rv_harts_start(void)
{
    uint64_t entry = image_phys(rv_hart_entry);
    struct rv_hart *self = rv_hart_self();

    hart_ready(self);
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        struct rv_hart *hart = rv_hart_of(machine.harts[i]);
        struct fw_ret r;

        if (hart == self) {
            continue;
        }
        r = fw_hart_start(hart->core.id, entry, (uint64_t)hart);
        if (r.error != SBI_SUCCESS) {
            boot_fail("the firmware does not start hart %llu (error %d); give it status = "
                      "\"disabled\" in the FDT, or mend the firmware",
                      (unsigned long long)hart->core.id, (int)r.error);
        }
    }

    for (uint32_t i = 0; i < machine.hart_count; i++) {
        await_hart(rv_hart_of(machine.harts[i]));
    }
    rv_features_agree(machine.harts, machine.hart_count);
}

struct hart *arch_hart_self(void)
{
    return &rv_hart_self()->core;
}

uint64_t arch_now(void)
{
    return csr_read(CSR_TIME);
}

void arch_relax(void)
{
    __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" ::: "memory"); /* pause: a fence hint */
}

void arch_io_fence(void)
{
    __asm__ volatile("fence w, o" ::: "memory");
}

void arch_hart_kick(struct hart *hart)
{
    arch_io_fence(); /* the work before the message that tells of it */
    if (rv_imsic_present()) {
        rv_imsic_kick(hart);
    } else {
        (void)fw_send_ipi(1, hart->id);
    }
}

#define FW_IDS 64u /* harts that one call of the firmware can name */

/* One that the firmware does not take costs the others nothing. */
static void kick_ids(uint64_t mask, uint64_t base)
{
    if (!fw_send_ipi(mask, base)) {
        for (; mask != 0; mask >>= 1, base++) {
            if ((mask & 1u) != 0) {
                (void)fw_send_ipi(1, base);
            }
        }
    }
}

void arch_harts_kick(struct hart *const harts[], uint32_t count)
{
    uint64_t base = harts[0]->id;
    uint64_t mask = 0;

    arch_io_fence(); /* as in arch_hart_kick() */
    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = harts[i]->id;
        uint64_t below = base - id;

        if (id < base && below < FW_IDS && mask >> (FW_IDS - below) == 0) {
            mask <<= below;
            base = id;
        } else if (id - base >= FW_IDS) {
            kick_ids(mask, base);
            mask = 0;
            base = id;
        }
        mask |= 1ull << (id - base);
    }
    kick_ids(mask, base);
}

/*
 * For hgeie, while the hart waits with a vCPU resident whose guest has external interrupts enabled:
 * an MSI into its file is pending in hip then, which ends a WFI; but QEMU 10 looks at that in
 * VS-mode only, while SGEI, which is made of the same, wakes here, too. Never to be left enabled in
 * the guest. File 0, that is none, has no bit.
 */
static uint64_t own_file(void)
{
    uint64_t vgein = (csr_read(CSR_HSTATUS) & HSTATUS_VGEIN) >> HSTATUS_VGEIN_SHIFT;

    return (csr_read(CSR_HIE) & HIE_VSEIE) != 0 ? 1ull << vgein : 0;
}

void arch_hart_wait(struct hart *hart)
{
    uint64_t own = own_file();

    csr_set(CSR_HGEIE, own);
    __asm__ volatile("wfi" ::: "memory");
    csr_clear(CSR_HGEIE, own);
    rv_handle_irqs(rv_hart_of(hart));
}

void arch_hart_poll(void)
{
    rv_handle_irqs(rv_hart_self());
}

void arch_hart_timer(uint64_t deadline)
{
    if (rv_features.sstc) {
        csr_write(CSR_STIMECMP, deadline);
    } else {
        fw_set_timer(deadline);
    }
}

_Noreturn void arch_hart_park(void)
{
    csr_write(CSR_SIE, 0);
    fw_hart_stop();
    for (;;) {
        __asm__ volatile("wfi" ::: "memory");
    }
}

bool arch_hart_parked(const struct hart *hart)
{
    struct fw_ret r = fw_hart_status(hart->id);

    return r.error == SBI_SUCCESS && r.value == SBI_HSM_STATE_STOPPED;
}

/* ---- sleep ----------------------------------------------------------------------------------- */

static void load(struct vcpu *v)
{
    arch_vcpu_load(v);
    arch_vcpu_sync_irqs(v);
}

/*
 * Of the hart nothing survives but what is in memory [SBI 3.0 HSM, SUSP]: HS level is made anew as
 * at the boot, the vCPU put and loaded, the interrupt files kept by imsic.c. What lies outside the
 * harts (APLIC, PLIC but for the harts' contexts, devices) SBI says nothing of: it is taken as kept
 * by the platform.
 *
 * loaded: the vCPU stays on the hart, so that what its guest has enabled is pending there, too.
 *
 * A kick that came after the hart had begun to look at its work would end the sleep at once. It is
 * dropped, here and by rv_imsic_save(): the work is looked at afterwards in any case.
 */
static int64_t hart_sleep(bool loaded, uint64_t wake_at, uint64_t a1, uint64_t eid, uint64_t fid)
{
    struct rv_hart *hart = rv_hart_self();
    struct vcpu *v = hart->core.vcpu;
    bool resident = v != NULL && vcpu_loaded(v);
    struct rv_imsic_files files;
    int64_t error;

    if (resident) {
        arch_vcpu_put(v);
    }
    rv_imsic_save(&files, v);
    if (resident && loaded) {
        load(v);
        csr_write(CSR_HGEIE, own_file());
    }
    arch_hart_timer(wake_at);
    csr_clear(CSR_SIP, SIP_SSIP);
    error = rv_sleep(0, a1, (uint64_t)hart, eid, fid);

    init_csrs();
    rv_features_ask(hart);
    rv_imsic_restore(&files, v);
    irqchip_hart_init(hart);
    rv_pmu_reset(); /* what the firmware has not forgotten */
    if (resident) {
        load(v);
    }
    return error;
}

void arch_hart_sleep(void)
{
    (void)hart_sleep(false, UINT64_MAX, 0, SBI_EXT_HSM, SBI_HSM_STOP);
}

enum err arch_hart_wake(struct hart *hart)
{
    struct fw_ret r =
        fw_hart_start(hart->id, image_phys(rv_wake_entry), (uint64_t)rv_hart_of(hart));

    return r.error == SBI_SUCCESS ? ERR_OK : ERR_STATE;
}

/* The interrupts of vCPUs that wait and are not loaded would not wake a hart that is off. */
bool arch_can_sleep(void)
{
    bool can = fw_has(SBI_EXT_SUSP);

    for (uint32_t i = 0; i < machine.hart_count; i++) {
        can = can && !hart_has_queue(machine.harts[i]);
    }
    return can;
}

enum err arch_machine_sleep(uint64_t wake_at)
{
    return hart_sleep(true, wake_at, image_phys(rv_wake_entry), SBI_EXT_SUSP, SBI_SUSP_SUSPEND) == 0
               ? ERR_OK
               : ERR_NOT_SUPPORTED;
}

void rv_handle_irqs(struct rv_hart *hart)
{
    uint64_t pending = csr_read(CSR_SIP) & csr_read(CSR_SIE);

    if ((pending & SIP_SSIP) != 0) {
        csr_clear(CSR_SIP, SIP_SSIP);
    }
    if ((pending & SIP_STIP) != 0) {
        arch_hart_timer(UINT64_MAX);
        atomic_fetch_or_explicit(&hart->core.work, HART_WORK_TIMER, memory_order_relaxed);
    }
    if ((pending & SIP_SEIP) != 0) {
        if (rv_imsic_present()) {
            rv_imsic_handle(&hart->core);
        } else if (machine.irqchip.ops != NULL && machine.irqchip.ops->handle != NULL) {
            machine.irqchip.ops->handle(&hart->core);
        }
    } else if ((pending & SIP_LCOFIP) != 0) { /* else it is still pending, and traps once more */
        rv_pmu_overflow();
    }
    if (hart->watched != 0) {
        uint64_t files = csr_read(CSR_HGEIP) & hart->watched;

        if (files != 0) {
            rv_watched_files(hart, files);
        }
    }
    if (panicked()) {
        arch_hart_park();
    }
}
