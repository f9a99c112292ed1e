/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One source of the virtual APLIC as a 64-bit word, and what each event makes of it: pure functions
 * [AIA 1.0 4.5.2, 4.5.16, 4.7]. Only for vaplic.c.
 */
#ifndef DRIVERS_VIRTUAL_VAPLIC_WORD_H
#define DRIVERS_VIRTUAL_VAPLIC_WORD_H

#include <stdbool.h>
#include <stdint.h>

#define SOURCECFG_D       0x00000400u
#define TARGET_HART       0xfffc0000u /* no guest index: the guest's harts have no H */
#define TARGET_HART_SHIFT 18u
#define TARGET_EIID       0x7ffu

/* Source modes. */
#define SM_INACTIVE 0u
#define SM_DETACHED 1u
#define SM_EDGE1    4u
#define SM_EDGE0    5u
#define SM_LEVEL1   6u
#define SM_LEVEL0   7u

/* The word of a source: bits 31:0 are its target register. */
#define W_ENABLED   (1ull << 32)
#define W_PENDING   (1ull << 33)
#define W_WIRE      (1ull << 34) /* the wire is high */
#define W_IE        (1ull << 35) /* the domain's */
#define W_LIVE      (W_ENABLED | W_IE)
#define W_SM_SHIFT  40u
#define W_TRIGGERED (4ull << W_SM_SHIFT) /* the mode is one of an edge or a level */

enum vaplic_event {
    EV_SET_PENDING,
    EV_CLEAR_PENDING,
    EV_ENABLE,
    EV_DISABLE,
    EV_PULSE,
    EV_WIRE,   /* value: high or low */
    EV_DOMAIN, /* value: IE */
    EV_MODE,   /* value: source mode */
    EV_TARGET, /* value: the register, legal */
};

static inline uint32_t word_mode(uint64_t w)
{
    return (uint32_t)(w >> W_SM_SHIFT) & 7u;
}

static inline bool mode_is_level(uint32_t mode)
{
    return mode >= SM_LEVEL1;
}

/* The rectified input value [AIA 4.5.2]. */
static inline bool word_rectified(uint64_t w)
{
    uint32_t mode = word_mode(w);

    return mode >= SM_EDGE1 && ((w & W_WIRE) != 0) != ((mode & 1u) != 0);
}

/* WARL: reserved modes become Inactive; D too, since there is no child [AIA 4.5.2]. */
static inline uint32_t mode_legal(uint32_t value)
{
    uint32_t mode = value & 7u;

    return (value & SOURCECFG_D) != 0 || mode == 2 || mode == 3 ? SM_INACTIVE : mode;
}

static inline uint64_t word_set_pending(uint64_t w)
{
    uint32_t mode = word_mode(w);
    bool possible = mode != SM_INACTIVE && (!mode_is_level(mode) || word_rectified(w));

    return possible ? w | W_PENDING : w;
}

/* A mode change: state is kept but for what the new mode cannot hold. */
static inline uint64_t word_set_mode(uint64_t w, uint32_t mode)
{
    w &= ~(7ull << W_SM_SHIFT);
    if (mode == SM_INACTIVE) {
        return w & (W_WIRE | W_IE);
    }
    w |= (uint64_t)mode << W_SM_SHIFT;
    return mode_is_level(mode) ? word_set_pending(w) : w;
}

/* What event makes of w; the conditions are those of [AIA 4.7]. */
static inline uint64_t word_next(uint64_t w, enum vaplic_event event, uint32_t value)
{
    bool active = word_mode(w) != SM_INACTIVE;
    bool before = word_rectified(w);

    switch (event) {
    case EV_SET_PENDING:
        return word_set_pending(w);
    case EV_CLEAR_PENDING:
        return w & ~W_PENDING;
    case EV_ENABLE:
        return active ? w | W_ENABLED : w;
    case EV_DISABLE:
        return w & ~W_ENABLED;
    case EV_PULSE: /* there and back: one edge is in it whatever the polarity */
        return word_mode(w) >= SM_EDGE1 ? w | W_PENDING : w;
    case EV_WIRE:
        w = value != 0 ? w | W_WIRE : w & ~W_WIRE;
        return !before && word_rectified(w) ? w | W_PENDING : w;
    case EV_DOMAIN:
        return value != 0 ? w | W_IE : w & ~W_IE;
    case EV_MODE:
        return word_set_mode(w, value);
    case EV_TARGET:
        return active ? (w & ~0xffffffffull) | value : w;
    }
    return w;
}

#endif
