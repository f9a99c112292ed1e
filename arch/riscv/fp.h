/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's FP registers and fcsr, which Curia itself never uses. On harts with F and D only; own
 * hart. sstatus.FS is off afterwards.
 */
#ifndef ARCH_RISCV_FP_H
#define ARCH_RISCV_FP_H

struct rv_fp;

void rv_fp_save(struct rv_fp *fp);
void rv_fp_restore(const struct rv_fp *fp);

#endif
