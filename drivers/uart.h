/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Physical UARTs as the console uses them (struct uart_ops of core/console.h). platforms/ hands the
 * FDT's stdout device to each open function in turn, until one knows it.
 */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include "core/board.h"
#include "core/console.h"

/*
 * The 16550 family: byte or 32-bit registers (reg-io-width), any distance (reg-shift, reg-offset).
 * Speed and format stay as the firmware left them. NULL: not of the family, or it cannot be mapped.
 * Boot hart, once; console_set_uart() is the caller's. Its operations are serialised by the
 * console.
 */
const struct uart_ops *uart_ns16550_open(const struct board *board, const struct board_device *dev);

#endif
