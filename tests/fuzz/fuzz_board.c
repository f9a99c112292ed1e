/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/board.c core/board_walk.c core/fdt.c core/ram.c core/pagepool.c core/manifest_read.c
 *       core/manifest_props.c core/manifest_peers.c core/manifest_check.c core/manifest_sched.c
 *       core/manifest_host.c
 *       core/power_graph.c libfdt */
/*
 * Any bytes as the host's FDT; where it is accepted, its tables are sound, and a manifest is
 * checked against the machine that it describes.
 */
#include "core/board.h"
#include "core/fdt.h"
#include "core/manifest.h"
#include "core/pagepool.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static _Alignas(64) char arena[16u << 20];
static _Alignas(8) char manifest[1024];

static void put(const char *name, const char *text)
{
    MUST(fdt_property(manifest, name, text, (int)strlen(text) + 1) == 0);
}

static void make_manifest(void)
{
    static const char memory[16] = "\0\0\0\0\x80\0\0\0\0\0\0\0\0\x10\0\0";

    MUST(fdt_create(manifest, sizeof(manifest)) == 0 && fdt_finish_reservemap(manifest) == 0);
    MUST(fdt_begin_node(manifest, "") == 0);
    put("compatible", "curia,manifest");
    MUST(fdt_property_u32(manifest, "version", 1) == 0);
    MUST(fdt_begin_node(manifest, "vm") == 0);
    put("compatible", "curia,vm");
    put("kernel", "kernel");
    MUST(fdt_property_u32(manifest, "harts", 0) == 0);
    MUST(fdt_property(manifest, "memory", memory, sizeof(memory)) == 0);
    MUST(fdt_begin_node(manifest, "dev") == 0);
    put("compatible", "curia,passthrough");
    put("host-path", "/soc/rtc@101000");
    put("dma", "none");
    MUST(fdt_end_node(manifest) == 0 && fdt_end_node(manifest) == 0);
    MUST(fdt_end_node(manifest) == 0 && fdt_finish(manifest) == 0);
}

static void nothing(void *arg, const char *node, const char *prop, const char *text)
{
    (void)arg;
    MUST(node != NULL && text != NULL && (prop == NULL || prop[0] != '\0'));
}

static void check_board(const struct board *b)
{
    MUST(b->hart_count > 0 && b->timebase_hz != 0 && b->ram.count > 0);
    for (uint32_t i = 0; i < b->ram.count; i++) {
        MUST(range_valid(b->ram.free[i].start, b->ram.free[i].size));
        MUST(i == 0 || b->ram.free[i - 1].start + b->ram.free[i - 1].size < b->ram.free[i].start);
    }
    for (uint32_t i = 0; i < b->device_count; i++) {
        const struct board_device *d = &b->devices[i];

        MUST(d->reg_count > 0 && d->reg_count <= BOARD_DEVICE_REGS);
        MUST(d->irq_count <= BOARD_DEVICE_IRQS);
        MUST(d->compatible[d->compatible_len - 1] == '\0');
        for (uint32_t k = 0; k < d->reg_count; k++) {
            MUST(range_valid(d->regs[k].start, d->regs[k].size));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct board b;
    struct manifest m;
    const char *why = NULL;
    void *blob;

    if (fdt_magic(manifest) != FDT_MAGIC) {
        make_manifest();
    }
    blob = malloc(size > 0 ? size : 1);
    MUST(blob != NULL);
    if (size > 0) {
        memcpy(blob, data, size);
    }
    if (size >= FDT_V17_SIZE && fdt_check_header(blob) == 0 && fdt_totalsize(blob) <= size) {
        pool_init(arena, sizeof(arena));
        if (board_read(&b, blob, &why) == ERR_OK) {
            check_board(&b);
            (void)!manifest_read(&m, manifest, fdt_totalsize(manifest), &b, NULL, NULL, nothing,
                                 NULL);
        } else {
            MUST(why != NULL);
        }
    }
    free(blob);
    return 0;
}
