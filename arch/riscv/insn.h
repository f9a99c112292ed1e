/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding of the instructions a guest is trapped on: loads and stores to emulate on the MMIO bus,
 * and the system instructions behind virtual-instruction exceptions.
 *
 * Pure functions on values, for RV64; they touch no memory and no CSR, and any input is a valid
 * input, because both a fetched instruction and htinst are under the guest's control. No locks; any
 * hart may call them. Register numbers in the results are always below 32.
 */
#ifndef ARCH_RISCV_INSN_H
#define ARCH_RISCV_INSN_H

#include <stdbool.h>
#include <stdint.h>

/* What a faulting instruction is, as far as MMIO emulation goes. */
enum rv_mmio_result {
    RV_MMIO_OK,         /* an integer load or store: the result is filled in */
    RV_MMIO_REFUSED,    /* an instruction never emulated (FP, vector, AMO, CBO...): access fault */
    RV_MMIO_UNKNOWN,    /* htinst tells nothing: fetch the instruction, decode that */
    RV_MMIO_WALK_READ,  /* no instruction: the guest's page-table walk read a PTE */
    RV_MMIO_WALK_WRITE, /* likewise, updating an A or D bit */
};

/* An integer load or store. */
struct rv_mmio_insn {
    bool write;
    bool sign_extend;    /* loads only */
    uint8_t width_bytes; /* 1, 2, 4 or 8 */
    uint8_t reg;         /* loads: rd, where 0 means the value is dropped; stores: rs2 */
    uint8_t insn_bytes;  /* 2 or 4: how far sepc moves */

    /*
     * Faulting address minus the address of the access, [0, width_bytes). Not 0 only where a
     * misaligned access was split and its first part went elsewhere: no MMIO bus can serve that.
     */
    uint8_t addr_offset;

    /* From a fetched instruction only (else both 0): the access is at x[base_reg] + base_offset. */
    uint8_t base_reg;
    int16_t base_offset;
};

/*
 * Decodes the htinst of a load or store guest-page fault
 * [Priv, H "Transformed Instruction or Pseudoinstruction for mtinst or htinst"].
 * Values of no defined meaning, among them 0, are RV_MMIO_UNKNOWN. Writes *out only on RV_MMIO_OK.
 */
enum rv_mmio_result rv_mmio_decode_htinst(uint64_t htinst, struct rv_mmio_insn *out);

/*
 * Decodes a fetched instruction; of a 16-bit one, the upper half of insn is ignored. Never returns
 * RV_MMIO_UNKNOWN or RV_MMIO_WALK_x. Writes *out only on RV_MMIO_OK, with addr_offset 0:
 * rv_mmio_locate() completes it.
 *
 * Another hart of the guest may have changed the instruction since the trap. So the caller compares
 * out->write with the cause, and calls rv_mmio_locate(); on a mismatch it resumes the guest at
 * sepc, and the instruction that is there now runs.
 */
enum rv_mmio_result rv_mmio_decode_insn(uint32_t insn, struct rv_mmio_insn *out);

/*
 * Sets insn->addr_offset of a fetched instruction from its base register's value and the faulting
 * guest virtual address (stval). Returns false, changing nothing, if this instruction cannot have
 * faulted there. Looks at addresses modulo 4 KiB, so pointer masking does not matter.
 */
bool rv_mmio_locate(struct rv_mmio_insn *insn, uint64_t base_value, uint64_t fault_address);

/* What a load of insn leaves in its register: value's low width_bytes, zero- or sign-extended. */
uint64_t rv_insn_load_extend(const struct rv_mmio_insn *insn, uint64_t value);

/* What a store of insn puts on the bus: the register's low width_bytes, zero-extended. */
uint64_t rv_insn_store_value(const struct rv_mmio_insn *insn, uint64_t reg_value);

/*
 * Length in bytes of the instruction that begins with this halfword: 2 or 4, or 0 for the longer
 * formats, of which no standard one exists.
 */
unsigned int rv_insn_bytes(uint16_t first_halfword);

/* Kinds of system instructions, as far as a trap handler tells them apart. */
enum rv_sys_kind {
    RV_SYS_OTHER, /* none of the below */
    RV_SYS_WFI,
    RV_SYS_WRS_NTO, /* Zawrs; wrs.sto never traps */
    RV_SYS_SRET,
    RV_SYS_FENCE, /* sfence.vma, sinval.vma, sfence.w.inval, sfence.inval.ir */
    RV_SYS_HYPER, /* hlv, hlvx, hsv, hfence, hinval */
    RV_SYS_CSR,   /* csrrw, csrrs, csrrc and their immediate forms */
};

enum rv_csr_op {
    RV_CSR_WRITE,
    RV_CSR_SET,
    RV_CSR_CLEAR,
};

/* A system instruction. The csr_ fields are 0 (false, RV_CSR_WRITE) unless kind is RV_SYS_CSR. */
struct rv_sys_insn {
    enum rv_sys_kind kind;
    uint8_t insn_bytes; /* as rv_insn_bytes() */
    uint8_t rd;         /* rd, rs1, rs2: 0 when RV_SYS_OTHER */
    uint8_t rs1;
    uint8_t rs2;
    uint16_t csr;
    enum rv_csr_op csr_op;
    bool csr_imm;    /* the operand is rs1's number itself */
    bool csr_reads;  /* csrrw with rd = x0 does not read */
    bool csr_writes; /* csrrs, csrrc with rs1 = x0 (or a zero immediate) do not write */
};

/* Decodes a fetched instruction [Priv, "RISC-V Privileged Instruction Set Listings"]. */
struct rv_sys_insn rv_sys_decode(uint32_t insn);

/*
 * The value an RV_SYS_CSR instruction writes, if csr_writes: old is what the CSR held, rs1_value
 * that of register rs1 (not looked at if csr_imm).
 */
uint64_t rv_sys_csr_value(const struct rv_sys_insn *insn, uint64_t old, uint64_t rs1_value);

/* What to do with an instruction that raised a virtual-instruction exception. */
enum rv_virt_action {
    RV_VIRT_YIELD,   /* it waits: give the hart away if nothing is pending, then step over it */
    RV_VIRT_CSR,     /* emulate that CSR if it is one the guest was promised, else illegal */
    RV_VIRT_ILLEGAL, /* the guest gets an illegal-instruction exception */
};

/*
 * Decides on a virtual-instruction exception (cause 22) as the guest's own hart, which has no H,
 * would behave [Priv, H "Trap Cause Codes"]. from_vs: the trap came from VS, not VU.
 *
 * RV_VIRT_CSR comes only with a CSR of the guest's levels that its mode may access so: in VU none
 * but unprivileged ones (whether the guest's scounteren allows that is left to the caller), and no
 * write of a read-only one. Curia sets neither VTVM nor VTSR: fences and SRET here come from VU.
 */
enum rv_virt_action rv_virt_decide(const struct rv_sys_insn *insn, bool from_vs);

#endif
