/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A restart leaves no residue: the first life of the VM dirties all that it can and resets itself;
 * the second one looks. And what is asked of Curia about this VM.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/irq.h"
#include "guests/lib/mmio.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stddef.h>

#define MARK     0x7265736964756521ull
#define UART_IER 1u
#define UART_SCR 7u

uint32_t vm_generation(void)
{
    static struct curia_vm_info info;
    struct sbi_result self = sbi_call(CURIA_EXT_VMM, CURIA_VMM_SELF, 0, 0, 0, 0);

    if (!board.curia || sbi_call(CURIA_EXT_VMM, CURIA_VMM_INFO, self.value,
                                 (uint64_t)(uintptr_t)&info, 0, sizeof(info))
                                .error != 0) {
        return 0;
    }
    return info.generation;
}

char *free_ram(uint64_t *bytes)
{
    extern char _image_end[];
    uint64_t start = (uint64_t)(uintptr_t)_image_end + 0x200000; /* an FDT may be right behind */
    const struct board_range *ram = &board.memory[0];
    uint64_t end = ram->start + ram->size;
    uint64_t fdt = (uint64_t)(uintptr_t)board.fdt & ~0xfffull;

    if (fdt >= start && fdt < end) {
        end = fdt;
    }
    *bytes = end > start ? end - start : 0;
    return (char *)(uintptr_t)start;
}

/* ---- a hart's registers -------------------------------------------------------------------------
 */

#define INSN_FMV_X_D(n) (0xe2000553u | (n) << 15) /* fmv.x.d a0, fn */
#define INSN_FMV_D_X(n) (0xf2050053u | (n) << 7)  /* fmv.d.x fn, a0 */
#define INSN_FSCSR      0x00351073u               /* fscsr a0 */
#define INSN_FRCSR      0x00302573u               /* frcsr a0 */
#define FCSR_MARK       0x7fu

/*
 * Those that S-mode may have, with what they hold at a start. The first three are offered to no
 * guest of Curia; without Smstateen they are there all the same where the hart has them.
 */
static const struct {
    uint32_t csr;
    uint64_t fresh;
} own_csrs[] = {
    {CSR_JVT, 0},     {CSR_SCTRCTL, 0},           {CSR_SCTRSTATUS, 0},
    {CSR_SENVCFG, 0}, {CSR_STIMECMP, UINT64_MAX}, {CSR_SISELECT, 0},
};

#define OWN_CSRS (sizeof(own_csrs) / sizeof(own_csrs[0]))

void residue_dirty_hart(void *unused)
{
    (void)unused;
    if (vector_on()) {
        vector_fill();
    }
    csr_set(CSR_SSTATUS, SSTATUS_FS | SSTATUS_SUM | SSTATUS_MXR);
    for (uint32_t n = 0; n < 32; n++) {
        (void)exec_one(INSN_FMV_D_X(n), MARK + n, 0);
    }
    (void)exec_one(INSN_FSCSR, FCSR_MARK, 0);
    for (uint32_t i = 0; i < OWN_CSRS; i++) {
        (void)exec_one(INSN_CSRRW(own_csrs[i].csr), 0, 0x80);
    }
    csr_write(CSR_SIE, ~0ull);
    csr_set(CSR_SIP, 1u << IRQ_S_SOFT);
    csr_write(CSR_SCOUNTEREN, 0);
    if (board.curia) {
        events_leave(false);
        triggers_leave();
    }
    csr_write(CSR_SEPC, MARK & ~1ull);
    csr_write(CSR_SCAUSE, 31);
    csr_write(CSR_STVAL, MARK);
}

void residue_look_at_hart(void *bad)
{
    uint64_t *n_bad = bad;
    uint64_t sstatus = csr_read(CSR_SSTATUS);

    *n_bad += csr_read(CSR_SEPC) != 0 || csr_read(CSR_SCAUSE) != 0 || csr_read(CSR_STVAL) != 0;
    *n_bad += csr_read(CSR_SIE) != 0 || csr_read(CSR_SIP) != 0;
    *n_bad += (sstatus & (SSTATUS_FS | SSTATUS_VS | SSTATUS_SUM | SSTATUS_MXR)) != 0;
    *n_bad += csr_read(CSR_SCOUNTEREN) == 0;
    *n_bad += board.curia && !events_are_fresh(false);
    *n_bad += board.curia && !triggers_are_fresh();
    for (uint32_t i = 0; i < OWN_CSRS; i++) {
        struct exec e = exec_one(INSN_CSRR(own_csrs[i].csr), 0, 0);

        *n_bad += !e.trapped && e.a0 != own_csrs[i].fresh;
    }
    if (vector_on()) {
        *n_bad += !vector_is_fresh();
        vector_off();
    }
    csr_set(CSR_SSTATUS, SSTATUS_FS);
    for (uint32_t n = 0; n < 32; n++) {
        struct exec e = exec_one(INSN_FMV_X_D(n), 0, 0);

        *n_bad += !e.trapped && e.a0 != 0;
    }
    *n_bad += exec_one(INSN_FRCSR, 0, 0).a0 != 0;
    csr_clear(CSR_SSTATUS, SSTATUS_FS);
}

/* The same for a hart that stops and is started again [SBI 3.0 §9]. */
static void test_fresh_hart(uint32_t index)
{
    uint64_t bad = 0;
    bool ok = job_start(index, residue_dirty_hart, NULL) && job_stop(index) &&
              job_start(index, residue_look_at_hart, &bad) && job_stop(index);

    (void)tap_ok(ok && bad == 0, "hart %u, started again, has no register of before (%lu)",
                 (unsigned)index, (unsigned long)bad);
}

/* ---- all ----------------------------------------------------------------------------------------
 */

static void spin(void *unused)
{
    (void)unused;
    for (;;) {
    }
}

static void ignore(void *unused)
{
    (void)unused;
}

void residue_scatter(void)
{
    uint64_t bytes;
    volatile uint64_t *ram = (volatile uint64_t *)(uintptr_t)free_ram(&bytes);

    for (uint64_t i = 0; i < bytes / 8; i += 512) {
        ram[i] = MARK;
    }
    for (uint32_t i = 0; i < board.hart_count; i++) {
        if (i != hart_self()->index) {
            (void)job_start(i, spin, NULL);
            (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, guest_harts[i].id, 0, 0);
        }
    }
    if (irq_init()) {
        (void)irq_attach(board.uart_irq, hart_self()->index, ignore, NULL);
        if (board.imsic_ids != 0) {
            irq_send_msi(hart_self()->index, irq_attach_msi(ignore, NULL));
        }
    }
    mmio_write8(board.uart.start + UART_SCR, 0xa5);
    mmio_write8(board.uart.start + UART_IER, 2);
    key_leave();
    (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, hart_self()->id, 0, 0);
    timer_set(time_now());
    pmu_leave();
    residue_dirty_hart(NULL);
    events_leave(true);
}

void residue_leave(void)
{
    con_printf("# first life: leaving residue\n");
    residue_scatter();
    sbi_system_reset(SBI_SRST_TYPE_COLD, SBI_SRST_REASON_NONE);
    guest_panic("panic: SRST came back");
}

void test_residue(void)
{
    uint64_t bytes;
    const volatile uint64_t *ram = (const volatile uint64_t *)(uintptr_t)free_ram(&bytes);
    uint64_t marks = 0;
    uint64_t first = 0;
    uint64_t bad = 0;

    residue_look_at_hart(&bad);
    (void)tap_eq(bad, 0, "this hart has no register of before");
    for (uint64_t i = 0; i < bytes / 8; i += 512) {
        if (ram[i] != 0 && marks++ == 0) {
            first = (uint64_t)(uintptr_t)&ram[i];
        }
    }
    (void)tap_eq(vm_generation(), 2, "restarted once");
    (void)tap_ok(marks == 0, "RAM is clean (%lu MiB; %lu pages are not, first %lx)",
                 (unsigned long)(bytes >> 20), (unsigned long)marks, (unsigned long)first);
    (void)tap_eq(csr_read(CSR_SIP), 0, "nothing is pending");
    (void)tap_ok(events_are_fresh(true), "SSE, FWFT: all is as at the start");
    (void)tap_eq(mmio_read8(board.uart.start + UART_SCR), 0, "UART: scratch register");
    (void)tap_eq(mmio_read8(board.uart.start + UART_IER), 0, "UART: interrupts are off");
    if (board.imsic_ids != 0) {
        csr_write(CSR_SISELECT, 0x70);
        (void)tap_eq(csr_read(CSR_SIREG), 0, "IMSIC: delivery is off");
        csr_write(CSR_SISELECT, 0x80);
        (void)tap_eq(csr_read(CSR_SIREG), 0, "IMSIC: nothing pending");
        csr_write(CSR_SISELECT, 0xc0);
        (void)tap_eq(csr_read(CSR_SIREG), 0, "IMSIC: nothing enabled");
    }
    for (uint32_t i = 0; i < board.hart_count; i++) {
        if (i != hart_self()->index) {
            (void)tap_eq(
                sbi_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, guest_harts[i].id, 0, 0, 0).value,
                SBI_HSM_STATE_STOPPED, "hart %u is stopped", (unsigned)i);
            test_fresh_hart(i);
        }
    }
}
