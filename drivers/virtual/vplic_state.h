/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What vplic.c keeps, and how it finds the source that a context would claim: pending sources are
 * in one bitmap per priority with a summary of its words, so a search looks only at words where
 * something is pending at that priority and something enabled in that context; its cost does not
 * grow with the number of sources. All under the chip's lock.
 */
#ifndef DRIVERS_VIRTUAL_VPLIC_STATE_H
#define DRIVERS_VIRTUAL_VPLIC_STATE_H

#include "core/irqchip.h"
#include "core/mmio_bus.h"
#include "core/spinlock.h"
#include "core/virq.h"
#include "drivers/virtual/source_set.h"

#include <stdbool.h>
#include <stdint.h>

#define PRIORITIES 8u /* 0: never interrupts; WARL: three bits */

/* The highest is the lowest bit: the one that first_bit() finds. */
#define PRIORITY_BIT(p) (1u << (PRIORITIES - 1u - (p)))

struct vplic_context {
    uint32_t threshold;
    bool raised; /* the vCPU's external interrupt line */
    struct source_set enabled;
};

struct vplic_source {
    uint64_t contexts; /* bit i: enabled in context i */
    uint8_t priority;
    bool pending;
    bool in_service; /* claimed and not completed */
    bool line;       /* of a level source; of a host's: masked there until completion */
    bool latched;    /* an edge came while in service */
};

struct vplic {
    struct virqchip chip; /* first */
    struct mmio_dev dev;
    struct spinlock lock;
    uint32_t words;
    uint32_t priorities GUARDED_BY(lock);          /* PRIORITY_BIT(p): pending[p] is not empty */
    uint64_t kicks GUARDED_BY(lock);               /* bit i: vCPU i's hart is to be kicked */
    struct vplic_source *sources GUARDED_BY(lock); /* by number */
    struct source_set pending[PRIORITIES] GUARDED_BY(lock); /* by priority */
    struct vplic_context *contexts GUARDED_BY(lock);        /* by vCPU */
};

static inline void vplic_file_in(struct vplic *vp, uint32_t priority, uint32_t source)
    REQUIRES(vp->lock)
{
    set_put(&vp->pending[priority], source, true);
    vp->priorities |= PRIORITY_BIT(priority);
}

static inline void vplic_file_out(struct vplic *vp, uint32_t priority, uint32_t source)
    REQUIRES(vp->lock)
{
    set_put(&vp->pending[priority], source, false);
    if (vp->pending[priority].summary == 0) {
        vp->priorities &= ~PRIORITY_BIT(priority);
    }
}

/* The source that context would claim: the highest priority above floor, the lowest number. */
static inline uint32_t vplic_best(const struct vplic *vp, const struct vplic_context *ctx,
                                  uint32_t floor) REQUIRES(vp->lock)
{
    uint32_t priorities = vp->priorities & (PRIORITY_BIT(floor) - 1u);

    for (; priorities != 0; priorities &= priorities - 1u) {
        uint32_t priority = PRIORITIES - 1u - first_bit(priorities);
        uint32_t source = set_first_common(&vp->pending[priority], &ctx->enabled);

        if (source != 0) {
            return source;
        }
    }
    return 0;
}

#endif
