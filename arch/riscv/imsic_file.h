/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interrupt file in memory: what one holds, and what it says and does by that [AIA ch. 3]. Pure;
 * imsic.c has the lock, and moves what it holds to the hart and back.
 */
#ifndef ARCH_RISCV_IMSIC_FILE_H
#define ARCH_RISCV_IMSIC_FILE_H

#include <stdbool.h>
#include <stdint.h>

#define RV_IMSIC_WORDS 32u /* 64 identities each: as many as a file can have */

struct rv_imsic_file {
    uint64_t delivery, threshold, eie[RV_IMSIC_WORDS], eip[RV_IMSIC_WORDS];
};

/* What a hart's stopei would name: the identity that is pending, enabled and most urgent; 0. */
uint32_t rv_imsic_file_top(const struct rv_imsic_file *f);

/* Does the file interrupt its hart? */
bool rv_imsic_file_interrupts(const struct rv_imsic_file *f);

/* Becomes pending; ids: the highest identity of the file, beyond which there is nothing to set. */
void rv_imsic_file_set(struct rv_imsic_file *f, uint32_t id, uint32_t ids);

/* The register that siselect names, on RV64; NULL: there is none. */
uint64_t *rv_imsic_file_reg(struct rv_imsic_file *f, uint64_t select);

/* What a register of that number keeps of a value that is written to it. */
uint64_t rv_imsic_file_legal(uint64_t select, uint64_t value, uint32_t ids);

#endif
