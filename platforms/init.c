/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the arrows meet: what the FDT names is wired to drivers, and the device models that VMs may
 * have are entered for core to pick from. No lock: the boot hart alone.
 */
#include "platforms/platform.h"

#include "core/console.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/vdev.h"
#include "drivers/uart.h"
#include "drivers/virtual/vaplic.h"
#include "drivers/virtual/vinput.h"
#include "drivers/virtual/vplic.h"
#include "drivers/virtual/vuart.h"

static const struct irqchip_model irqchip_models[] = {
    {.kind = IRQCHIP_AIA, .needs_files = true, .create = vaplic_create},
    {.kind = IRQCHIP_PLIC, .needs_files = false, .create = vplic_create},
};

static const struct vdev_model vdev_models[] = {
    {.kind = VDEV_UART, .create = vuart_create},
    {.kind = VDEV_POWER_KEY, .create = vinput_create},
};

/* The FDT's stdout, where a driver knows it; else the firmware's console stays. */
static void find_uart(void)
{
    const struct board_device *dev = machine.board.stdout_dev;
    const struct uart_ops *uart = dev != NULL ? uart_ns16550_open(&machine.board, dev) : NULL;

    if (uart != NULL) {
        console_set_uart(uart);
    } else {
        log_info("no driver for the FDT's stdout-path: the console goes through the firmware");
    }
}

enum err platform_init(const char **why)
{
    enum err e;

    machine.irqchip_models = irqchip_models;
    machine.irqchip_model_count = ARRAY_SIZE(irqchip_models);
    machine.vdev_models = vdev_models;
    machine.vdev_model_count = ARRAY_SIZE(vdev_models);
    e = platform_find_irqchip(why);
    if (e == ERR_OK) {
        find_uart(); /* takes its interrupt from the irqchip */
    }
    return e;
}
