/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of platforms/. The entrance for everyone else is platform_init() of
 * core/machine.h.
 */
#ifndef PLATFORMS_PLATFORM_H
#define PLATFORMS_PLATFORM_H

#include "core/board.h"
#include "core/err.h"

#include <stdint.h>

#define CPU_IRQ_S_EXTERNAL 9u /* of a hart's own interrupt controller */

/*
 * Finds the machine's interrupt controllers in machine.board, starts their drivers and fills
 * machine.irqchip. A machine without any that Curia knows is none the worse for it, as long as no
 * device is passed through. On error *why says what is wrong.
 */
enum err platform_find_irqchip(const char **why) MUST_CHECK;

/*
 * The place of each hart's supervisor external interrupt among the entries of dev's
 * interrupts-extended, by hart index; UINT32_MAX: not there. Returns how many harts have one.
 */
uint32_t platform_hart_places(const struct board_device *dev, uint32_t *places);

#endif
