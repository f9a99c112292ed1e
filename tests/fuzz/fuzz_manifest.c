/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/manifest_read.c core/manifest_props.c core/manifest_peers.c core/manifest_check.c
 *       core/manifest_sched.c core/manifest_host.c core/board.c core/board_walk.c core/fdt.c
 *       core/ram.c
 * core/power_graph.c core/bundle.c core/pagepool.c tests/unit/fake_arch.c tests/unit/fake_memory.c
 *       tests/unit/fake_setup.c tests/unit/fake_core.c libfdt bearssl */
/*
 * Any bytes as a manifest and as a bundle. A manifest that is accepted must be one that could be
 * built: what vm_build() and others take for granted holds.
 */
#include "core/bundle.h"
#include "core/fdt.h"
#include "core/manifest.h"
#include "core/manifest_sched.h"
#include "core/pagepool.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static _Alignas(64) char arena[16u << 20];

static void count(void *arg, const char *node, const char *prop, const char *text)
{
    MUST(node != NULL && text != NULL && strlen(text) < 512);
    MUST(prop == NULL || strlen(prop) < SIZE_MAX);
    (*(uint32_t *)arg)++;
}

static bool image_exists(void *arg, const char *name)
{
    (void)arg;
    return strlen(name) != 3;
}

static void check_vm(const struct manifest *m, const struct vm_config *vm)
{
    MUST(vm->name[0] != '\0' && strlen(vm->name) <= MANIFEST_NAME_MAX);
    MUST(vm->kernel != NULL && strlen(vm->kernel) > 0);
    MUST(vm->vcpu_count > 0 && vm->vcpu_count <= MANIFEST_VCPUS && vm->harts != NULL);
    MUST(vm->mem_count > 0);
    for (uint32_t i = 0; i < vm->mem_count; i++) {
        MUST(range_valid(vm->mem[i].gpa, vm->mem[i].size));
        MUST(is_aligned(vm->mem[i].gpa | vm->mem[i].size, PAGE_SIZE));
        for (uint32_t k = 0; k < i; k++) {
            MUST(!range_overlaps(vm->mem[i].gpa, vm->mem[i].size, vm->mem[k].gpa, vm->mem[k].size));
        }
    }
    MUST((vm->power.superiors >> (m->vm_count - 1)) <= 1);
    for (uint32_t i = 0; i < vm->vdev_count; i++) {
        MUST(vm->vdevs[i].irq != 0);
    }
}

/* Accepted promises are such that each can be kept, and what belongs to none is 0. */
static void check_sched(const struct manifest *m, const struct sched_seat *seat)
{
    const struct vcpu_sched_config *c = &m->vms[seat->vm].sched[seat->vcpu];

    MUST(c->priority <= MANIFEST_PRIORITY_MAX);
    MUST(c->slice_us == 0 || (c->slice_us >= 100 && c->slice_us <= 1000000));
    if (c->budget_us == 0) {
        MUST(!c->hard && c->period_us == 0 && c->deadline_us == 0);
        return;
    }
    MUST(c->budget_us >= 100 && c->budget_us <= c->period_us && c->period_us <= 4000000);
    MUST(c->deadline_us <= c->period_us);
    MUST(manifest_share_ppm(c) <= SCHED_CAPACITY_PPM);
    MUST(manifest_response_ns(m, seat) <=
         1000 * (c->deadline_us != 0 ? c->deadline_us : c->period_us));
}

static void try_manifest(const void *blob, size_t size)
{
    struct manifest m;
    uint32_t findings = 0;
    enum err e;

    pool_init(arena, sizeof(arena));
    e = manifest_read(&m, blob, size, NULL, image_exists, NULL, count, &findings);
    MUST((e == ERR_OK) == (findings == 0));
    if (e != ERR_OK) {
        return;
    }
    MUST(m.vm_count > 0 && m.vm_count <= MANIFEST_VMS);
    for (uint32_t v = 0; v < m.vm_count; v++) {
        check_vm(&m, &m.vms[v]);
        for (struct sched_seat s = {v, 0}; s.vcpu < m.vms[v].vcpu_count; s.vcpu++) {
            check_sched(&m, &s);
        }
    }
    for (uint32_t i = 0; i < m.channel_count; i++) {
        const struct channel_config *c = &m.channels[i];

        MUST(c->end[0].vm < m.vm_count && c->end[1].vm < m.vm_count);
        MUST(c->end[0].vm != c->end[1].vm && c->end[0].irq != 0 && c->end[1].irq != 0);
        MUST((c->end[0].send == c->end[1].receive) && (c->end[1].send == c->end[0].receive));
    }
    for (uint32_t i = 0; i < m.shmem_count; i++) {
        MUST(m.shmems[i].end_count >= 2 && m.shmems[i].size != 0);
    }
}

static void try_bundle(const void *blob, size_t size)
{
    struct bundle b;
    const char *why = NULL;

    pool_init(arena, sizeof(arena));
    if (bundle_read(&b, blob, size, &why) != ERR_OK) {
        MUST(why != NULL);
        return;
    }
    for (uint32_t i = 0; i < b.image_count; i++) {
        const char *start = b.images[i].data;

        MUST(start >= (const char *)blob && start + b.images[i].size <= (const char *)blob + size);
        MUST((bundle_verify(&b, &b.images[i], &why) == ERR_OK) == (why == NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *blob = malloc(size + 1); /* aligned, and its end seen by the sanitizer to the byte */

    MUST(blob != NULL);
    blob = realloc(blob, size > 0 ? size : 1);
    if (size > 0) {
        memcpy(blob, data, size);
    }
    try_manifest(blob, size);
    try_bundle(blob, size);
    free(blob);
    return 0;
}
