/* SPDX-License-Identifier: BSD-2-Clause */
/* The manifest's channels and shared regions: who talks to whom, and which way. */
#include "core/manifest_reader.h"

#include <string.h>

#define FIELD(type, field) (uint16_t) offsetof(type, field)

static void read_ends(struct manifest_reader *r, struct channel_config *c)
{
    const void *blob = r->blob;
    bool both = fdt_getprop(blob, c->node, "between", NULL) != NULL;
    bool one_way = fdt_getprop(blob, c->node, "from", NULL) != NULL &&
                   fdt_getprop(blob, c->node, "to", NULL) != NULL;
    uint32_t vms[2] = {0, 0};
    uint32_t count = 0;

    if (both != one_way) {
        count = both ? manifest_vms(r, c->node, "between", vms, 2)
                     : manifest_vms(r, c->node, "from", &vms[0], 1) +
                           manifest_vms(r, c->node, "to", &vms[1], 1);
    }
    if (count != 2 || vms[0] == vms[1]) {
        manifest_fault(r, c->node, NULL,
                       "a channel joins two VMs: between = <&a &b>, or, for "
                       "messages one way only, from = <&a> and to = <&b>");
        return;
    }
    c->end[0] = (struct channel_end_config){.vm = vms[0], .send = true, .receive = both};
    c->end[1] = (struct channel_end_config){.vm = vms[1], .send = both, .receive = true};
}

static void read_channel(struct manifest_reader *r, struct channel_config *c)
{
    static const struct prop_spec props[] = {
        {"between", NULL, PROP_OTHER, 0, 0, 0},
        {"from", NULL, PROP_OTHER, 0, 0, 0},
        {"to", NULL, PROP_OTHER, 0, 0, 0},
        {"interrupts-of-ends", NULL, PROP_OTHER, 0, 0, 0},
    };
    int len;
    const fdt32_t *irqs = fdt_getprop(r->blob, c->node, "interrupts-of-ends", &len);

    c->name = manifest_name(r, c->node);
    manifest_props(r, c->node, props, ARRAY_SIZE(props), c);
    read_ends(r, c);
    if (irqs != NULL && len != 8) {
        manifest_fault(r, c->node, "interrupts-of-ends",
                       "must be two cells, the source at each end");
    } else if (irqs != NULL) {
        c->end[0].irq = fdt32_ld(&irqs[0]);
        c->end[1].irq = fdt32_ld(&irqs[1]);
    }
}

static void read_shmem(struct manifest_reader *r, struct shmem_config *s)
{
    struct placed {
        uint64_t address;
        uint64_t size;
    } placed = {0};
    static const struct prop_spec props[] = {
        {"address", NULL, PROP_U64, FIELD(struct placed, address), 0, 0},
        {"size", NULL, PROP_U64, FIELD(struct placed, size), 0, 0},
        {"writers", NULL, PROP_OTHER, 0, 0, 0},
        {"readers", NULL, PROP_OTHER, 0, 0, 0},
    };
    uint32_t vms[MANIFEST_VMS];
    uint32_t writers, count;

    s->name = manifest_name(r, s->node);
    manifest_props(r, s->node, props, ARRAY_SIZE(props), &placed);
    s->size = placed.size;
    if (placed.size == 0) {
        manifest_fault(r, s->node, "size", "is missing: bytes in two cells, <0x0 0x10000>");
    }
    if (placed.address == 0) {
        manifest_fault(r, s->node, "address",
                       "is missing: where its VMs find it, <0x0 0x70000000>");
    }
    writers = manifest_vms(r, s->node, "writers", vms, MANIFEST_VMS);
    count = writers + manifest_vms(r, s->node, "readers", &vms[writers], MANIFEST_VMS - writers);
    if (count < 2 || writers == 0) {
        manifest_fault(r, s->node, NULL,
                       "a shared region needs at least two VMs, and one of them a writer: "
                       "writers = <&a>, readers = <&b>");
    }
    s->ends = manifest_storage(r, s->node, count, sizeof(s->ends[0]));
    if (s->ends == NULL) {
        return;
    }
    s->end_count = count;
    for (uint32_t i = 0; i < count; i++) {
        s->ends[i] = (struct shmem_end_config){vms[i], placed.address, i < writers};
        for (uint32_t k = 0; k < i; k++) {
            if (vms[k] == vms[i]) {
                manifest_fault(r, s->node, i < writers ? "writers" : "readers",
                               "names %s twice: a writer reads too", r->m->vms[vms[i]].name);
            }
        }
    }
}

static void read_group(struct manifest_reader *r, const char *path, bool channels)
{
    struct manifest *m = r->m;
    int group = fdt_path_offset(r->blob, path);
    uint32_t count;
    int node;

    if (group < 0) {
        return;
    }
    manifest_props(r, group, NULL, 0, NULL);
    count = manifest_child_count(r, group);
    if (channels) {
        m->channels = manifest_storage(r, group, count, sizeof(m->channels[0]));
    } else {
        m->shmems = manifest_storage(r, group, count, sizeof(m->shmems[0]));
    }
    if (channels ? m->channels == NULL : m->shmems == NULL) {
        return;
    }
    fdt_for_each_subnode(node, r->blob, group)
    {
        if (channels) {
            m->channels[m->channel_count].node = node;
            read_channel(r, &m->channels[m->channel_count++]);
        } else {
            m->shmems[m->shmem_count].node = node;
            read_shmem(r, &m->shmems[m->shmem_count++]);
        }
    }
}

void manifest_read_peers(struct manifest_reader *r)
{
    read_group(r, "/channels", true);
    read_group(r, "/shared-memory", false);
}
