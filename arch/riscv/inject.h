/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions for a guest: which one it gets for a trap taken by HS, and the state that taking it in
 * VS-mode leaves behind, exactly as the hart does for a delegated one [Priv, H "Trap Entry"].
 *
 * Pure functions on data; the caller reads and writes the CSRs. Interrupts do not come here: they
 * go through hvip, VGEIN and hvictl. No locks; any hart may call them.
 */
#ifndef ARCH_RISCV_INJECT_H
#define ARCH_RISCV_INJECT_H

#include <stdbool.h>
#include <stdint.h>

/* The VS CSRs that take part in a trap into VS-mode. vstvec is only read. */
struct rv_vs_state {
    uint64_t vsstatus;
    uint64_t vsepc;
    uint64_t vscause;
    uint64_t vstval;
    uint64_t vstvec;
};

/*
 * The HS CSRs that say where in the guest SRET goes: as the trap from V=1 left them, or as they
 * will be loaded for a vCPU that is not running.
 */
struct rv_hs_return {
    uint64_t sepc;
    uint64_t sstatus;
    uint64_t hstatus;
};

struct rv_exception {
    uint64_t cause; /* for vscause */
    uint64_t tval;  /* for vstval */
};

enum rv_inject_result {
    RV_INJECT_OK,
    RV_INJECT_DOUBLE_TRAP, /* the guest's handler had not yet saved the one before: nothing changed
                            */
};

/*
 * Takes exc in VS-mode, at ret->sepc, from the mode in ret->sstatus.SPP: vsepc, vscause, vstval,
 * vsstatus.SPP, SPIE, SIE and SPELP are those of the trap; sepc becomes the base of vstvec (in
 * vectored mode too), sstatus.SPP and hstatus.SPVP say VS. hstatus.SPV is left as it is.
 *
 * double_trap: henvcfg.DTE as the guest runs with it. If set, Ssdbltrp holds for the guest: SDT is
 * set by the trap, and a trap while it is set is a double trap, for which the caller stops the VM
 * or raises the SSE double-trap event.
 */
enum rv_inject_result rv_inject_exception(struct rv_vs_state *vs, struct rv_hs_return *ret,
                                          struct rv_exception exc, bool double_trap);

/*
 * The exception a guest on a hart of its own would have had, for a trap from V=1 that HS took with
 * this scause and stval and does not resolve:
 *
 *   guest-page faults 20, 21, 23   access faults 1, 5, 7 with the guest virtual address; those of
 *                                  the guest's own page-table walk too
 *   virtual instruction 22         illegal instruction 2; the guest knows of no H
 *   ecall from VS 10               ecall from S 9
 *   0 to 8, 12, 13, 15, 18, 19     the same
 *
 * stval passes unchanged; for 2 and 22 hardware may have written 0 there, which the guest then
 * sees as well, unless the caller has fetched the instruction and gives its bits (16 or 32)
 * instead. Returns false, leaving *out alone, for interrupts, double traps and what no V=1 raises.
 */
bool rv_exception_for_guest(uint64_t scause, uint64_t stval, struct rv_exception *out);

/* Illegal instruction, with its bits: insn_bytes 2 or 4, of fewer than 4 the upper half is cut. */
struct rv_exception rv_exception_illegal(uint32_t insn, unsigned int insn_bytes);

#endif
