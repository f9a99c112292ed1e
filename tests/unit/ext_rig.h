/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of one extension alone: an sbi_from() whose answers tell that it was asked. */
#ifndef TESTS_UNIT_EXT_RIG_H
#define TESTS_UNIT_EXT_RIG_H

#include "sbi/sbi.h"

/* What it answers to e. */
#define FROM(e) (-100 - (int64_t)(e))

struct sbi_ret sbi_from(enum err e)
{
    return (struct sbi_ret){FROM(e), 0};
}

#endif
