/* SPDX-License-Identifier: BSD-2-Clause */
/* Device tree blobs for host tests, from source text by dtc and from QEMU's own machines. */
#ifndef TESTS_UNIT_DTS_H
#define TESTS_UNIT_DTS_H

#include <stddef.h>

/* Blob of this source; size may be NULL. The caller frees it. Aborts on any failure. */
void *dts_blob(const char *source, size_t *size);

/* source with its first `from` replaced by `to`; aborts if there is none. The caller frees it. */
char *dts_replace(const char *source, const char *from, const char *to);

/* The FDT of `qemu-system-riscv64 options`, for example "-M virt,aia=aplic-imsic -smp 4". */
void *dts_of_qemu(const char *options, size_t *size);

/* A name for a file of this test's own, below build/. */
#define DTS_NAME_MAX 64u
void dts_scratch_name(char name[DTS_NAME_MAX]);

/* A whole file, with a NUL behind it. The caller frees it. */
void *dts_file(const char *path, size_t *size);

#endif
