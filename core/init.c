/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds the machine that the manifest describes, on the boot hart, before any guest runs. Whatever
 * is wrong is told in full and ends the boot: half a car computer is worse than none.
 */
#include "core/console.h"
#include "core/ipc.h"
#include "core/lifecycle.h"
#include "core/loader.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/power_ctl.h"
#include "core/trace.h"
#include "core/vm.h"

#include <stddef.h>

struct machine machine;

static bool image_exists(void *arg, const char *name)
{
    (void)arg;
    return bundle_find(&machine.bundle, name) != NULL;
}

static void report(void *arg, const char *node, const char *prop, const char *text)
{
    (void)arg;
    if (prop != NULL) {
        log_error("manifest: %s: %s: %s", node, prop, text);
    } else {
        log_error("manifest: %s: %s", node, text);
    }
}

static void read_bundle(void)
{
    const struct board_reg *r = &machine.board.bundle;
    struct image *image;
    const char *why = NULL;

    if (r->size == 0) {
        boot_fail("no bundle: hand it over as the initrd (/chosen/linux,initrd-start; with QEMU: "
                  "-initrd)");
    }
    if (bundle_read(&machine.bundle, arch_bundle(), r->size, &why) != ERR_OK) {
        boot_fail("the bundle cannot be read: %s", why);
    }
    image = bundle_find(&machine.bundle, "manifest");
    if (image == NULL) {
        boot_fail("the bundle has no image named manifest: make it with tools/mkbundle");
    }
    if (bundle_verify(&machine.bundle, image, &why) != ERR_OK) {
        boot_fail("the bundle's manifest: %s", why);
    }
    machine.board.guest_files = machine.irqchip.guest_files;
    machine.board.imsic = machine.irqchip.guest_ids != 0;
    if (manifest_read(&machine.manifest, image->data, image->size, &machine.board, image_exists,
                      NULL, report, NULL) != ERR_OK) {
        boot_fail("the manifest has mistakes: mend what is told above (curia-manifest check finds "
                  "the same at a desk)");
    }
}

void machine_build(void)
{
    const char *why = NULL;

    read_bundle();
    if (machine.manifest.console == CONSOLE_FIRMWARE) {
        console_give_up_uart();
    }
    machine.vms = pool_alloc(machine.manifest.vm_count * sizeof(*machine.vms), sizeof(void *));
    if (machine.vms == NULL || loader_init() != ERR_OK) {
        boot_fail(POOL_USED_UP);
    }
    for (uint32_t i = 0; i < machine.manifest.vm_count; i++) {
        if (vm_take_identity_ram(i, &why) != ERR_OK) {
            boot_fail("VM %s cannot be built: %s", machine.manifest.vms[i].name, why);
        }
    }
    for (uint32_t i = 0; i < machine.manifest.vm_count; i++) {
        if (vm_build(i, &why) != ERR_OK) {
            boot_fail("VM %s cannot be built: %s", machine.manifest.vms[i].name, why);
        }
        machine.vm_count = i + 1;
    }
    if (ipc_build(&why) != ERR_OK) {
        boot_fail("channels and shared regions cannot be built: %s", why);
    }
    if (power_ctl_build(&why) != ERR_OK) {
        boot_fail("the power coordinator cannot be built: %s", why);
    }
    if (trace_build() != ERR_OK) {
        boot_fail("no room for a trace of %u KiB for each of %u harts: trace-kib must be less",
                  (unsigned int)machine.manifest.trace_kib, (unsigned int)machine.hart_count);
    }
    console_start();

    for (uint32_t i = 0; i < machine.vm_count; i++) {
        if (machine.vms[i]->config->autostart && lifecycle_start(machine.vms[i]) != ERR_OK) {
            log_error("%s: cannot be started", machine.vms[i]->config->name);
        }
    }
}
