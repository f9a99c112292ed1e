/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * curia-manifest: reads and checks a manifest at a desk with the code that reads it at boot, and
 * prints the system it describes.
 *
 *     curia-manifest check FILE [--fdt HOST.dtb]
 *
 * FILE is a compiled manifest or a bundle that holds one (then image names are checked too). With
 * the machine's FDT, harts, memory and devices are checked against it. Exit: 0 it is right, 1 it
 * has mistakes, 2 it could not be read.
 */
#include "core/bundle.h"
#include "core/fdt.h"
#include "core/manifest.h"
#include "core/manifest_sched.h"
#include "core/pagepool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES  (64u * 1024u * 1024u)
#define PRINT_COLUMN 14

enum {
    EXIT_RIGHT = 0,
    EXIT_MISTAKES = 1,
    EXIT_UNREADABLE = 2,
};

/* Of the port, only what spin locks use; one thread runs here. */
void arch_relax(void)
{
}

/* Whole file into memory, aligned as libfdt wants it; NULL with a message. */
static void *file_read(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    void *data = NULL;
    long length;

    if (f == NULL) {
        perror(path);
        return NULL;
    }
    if (fseek(f, 0, SEEK_END) == 0 && (length = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0) {
        *size = (size_t)length;
        data = malloc(*size + 1);
        if (data != NULL && fread(data, 1, *size, f) != *size) {
            free(data);
            data = NULL;
        }
    }
    if (data == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
    }
    fclose(f);
    return data;
}

static void report(void *arg, const char *node, const char *prop, const char *text)
{
    uint32_t *count = arg;

    (*count)++;
    if (prop != NULL) {
        printf("%s: %s: %s\n", node, prop, text);
    } else {
        printf("%s: %s\n", node, text);
    }
}

static bool image_exists(void *arg, const char *name)
{
    return bundle_find(arg, name) != NULL;
}

/* ---- the system as a table ------------------------------------------------------------------- */

static const char *size_text(uint64_t bytes, char buf[32])
{
    if (bytes % MIB == 0) {
        snprintf(buf, 32, "%" PRIu64 " MiB", (uint64_t)(bytes / MIB));
    } else {
        snprintf(buf, 32, "%" PRIu64 " KiB", (uint64_t)(bytes / KIB));
    }
    return buf;
}

static uint32_t rank_of(const struct manifest *m, uint32_t vm)
{
    uint32_t rank = 1;

    for (uint32_t s = 0; s < m->vm_count; s++) {
        if (((m->vms[vm].power.superiors >> s) & 1u) != 0) {
            uint32_t below = rank_of(m, s) + 1;

            rank = below > rank ? below : rank;
        }
    }
    return rank;
}

static void print_peers(const struct manifest *m, uint32_t vm)
{
    char size[32];

    for (uint32_t i = 0; i < m->channel_count; i++) {
        const struct channel_config *c = &m->channels[i];

        for (uint32_t e = 0; e < 2; e++) {
            if (c->end[e].vm == vm) {
                printf("  %-*s %s %s %s, source %u\n", PRINT_COLUMN, "channel", c->name,
                       c->end[e].send && c->end[e].receive ? "with"
                       : c->end[e].send                    ? "to"
                                                           : "from",
                       m->vms[c->end[1 - e].vm].name, c->end[e].irq);
            }
        }
    }
    for (uint32_t i = 0; i < m->shmem_count; i++) {
        for (uint32_t e = 0; e < m->shmems[i].end_count; e++) {
            const struct shmem_end_config *end = &m->shmems[i].ends[e];

            if (end->vm == vm) {
                printf("  %-*s %s at 0x%" PRIx64 ", %s, %s\n", PRINT_COLUMN, "shared region",
                       m->shmems[i].name, end->gpa, size_text(m->shmems[i].size, size),
                       end->write ? "read and write" : "read only");
            }
        }
    }
}

static void print_power(const struct manifest *m, uint32_t vm)
{
    static const char *const kinds[] = {"off", "reset-cold", "reset-warm", "suspend", "emergency"};
    const struct power_vm_config *p = &m->vms[vm].power;

    printf("  %-*s rank %u", PRINT_COLUMN, "power", rank_of(m, vm));
    for (uint32_t s = 0, n = 0; s < m->vm_count; s++) {
        if (((p->superiors >> s) & 1u) != 0) {
            printf("%s%s", n++ == 0 ? " under " : ", ", m->vms[s].name);
        }
    }
    printf("; acknowledges in %u ms, prepares in %u ms", p->ack_us / 1000, p->prepare_us / 1000);
    if (p->postpone_budget_us != 0) {
        printf(" (postpones up to %u ms)", p->postpone_budget_us / 1000);
    }
    printf(", stops in %u ms, else %s%s\n", p->stop_us / 1000,
           p->on_timeout == POWER_ON_TIMEOUT_FORCE ? "forced" : "aborts",
           p->may_veto ? "; may veto" : "");
    if (p->may_initiate != 0) {
        printf("  %-*s", PRINT_COLUMN, "initiates");
        for (uint32_t i = 0; i < ARRAY_SIZE(kinds); i++) {
            if (((p->may_initiate >> i) & 1u) != 0) {
                printf(" %s", kinds[i]);
            }
        }
        printf("\n");
    }
}

static void print_vm(const struct manifest *m, uint32_t vm)
{
    static const char *const irqchips[] = {"best", "aia", "plic"};
    static const char *const devices[] = {[VDEV_UART] = "uart", [VDEV_POWER_KEY] = "power key"};
    static const char *const crashes[] = {"stays off", "restarts", "escalates"};
    static const char *const srsts[] = {"stops it", "is the platform's"};
    static const char *const privileges[] = {"manage", "info", "audit"};
    const struct vm_config *c = &m->vms[vm];
    char size[32];

    printf("%s%s\n", c->name, c->autostart ? "" : " (not started by itself)");
    printf("  %-*s", PRINT_COLUMN, "vCPU on hart");
    for (uint32_t i = 0; i < c->vcpu_count; i++) {
        printf(" %u on %" PRIu64 "%s", i, c->harts[i], i + 1 < c->vcpu_count ? "," : "\n");
    }
    for (uint32_t i = 0; i < c->affinity_count; i++) {
        printf(i == 0 ? "  %-*s %" PRIu64 : "%.*s, %" PRIu64, i == 0 ? PRINT_COLUMN : 0,
               i == 0 ? "each may run on" : "", c->harts[c->vcpu_count + i]);
        printf("%s", i + 1 < c->affinity_count ? "" : "\n");
    }
    for (uint32_t i = 0; i < c->mem_count; i++) {
        printf("  %-*s 0x%" PRIx64 ", %s%s\n", PRINT_COLUMN, "memory", c->mem[i].gpa,
               size_text(c->mem[i].size, size),
               c->mem[i].identity ? ", at the host's address" : "");
    }
    printf("  %-*s kernel %s", PRINT_COLUMN, "images", c->kernel);
    printf("%s%s", c->initrd != NULL ? ", initrd " : "", c->initrd != NULL ? c->initrd : "");
    printf("%s%s\n", c->fdt != NULL ? ", fdt " : "", c->fdt != NULL ? c->fdt : "");
    printf("  %-*s %s\n", PRINT_COLUMN, "irqchip",
           c->files_short ? "plic: its harts have too few interrupt files" : irqchips[c->irqchip]);
    for (uint32_t i = 0; i < c->vdev_count; i++) {
        printf("  %-*s at 0x%" PRIx64 ", source %u\n", PRINT_COLUMN, devices[c->vdevs[i].kind],
               c->vdevs[i].gpa, c->vdevs[i].irq);
    }
    for (uint32_t i = 0; i < c->passthrough_count; i++) {
        const struct passthrough_config *p = &c->passthrough[i];

        printf("  %-*s %s%s", PRINT_COLUMN, "host device", p->path,
               p->dma == DMA_TRUSTED ? ", trusted with DMA" : "");
        for (uint32_t k = 0; p->dev != NULL && k < p->dev->irq_count; k++) {
            printf(", source %u", p->dev->irqs[k].source);
        }
        printf("\n");
    }
    print_peers(m, vm);
    print_power(m, vm);
    printf("  %-*s shutdown %s, reset %s\n", PRINT_COLUMN, "its SRST", srsts[c->srst],
           c->srst_reset == SRST_SELF ? "restarts it" : srsts[c->srst_reset]);
    printf("  %-*s %s", PRINT_COLUMN, "after a crash", crashes[c->crash]);
    if (c->crash == CRASH_RESTART) {
        printf(" at most %u times in %" PRIu64 " ms, after %" PRIu64 " ms, then twice that",
               c->restart_budget, c->restart_window_us / 1000, c->restart_backoff_us / 1000);
    }
    printf("\n");
    if (c->watchdog_us != 0) {
        printf("  %-*s bites %" PRIu64 " ms after the last heartbeat\n", PRINT_COLUMN, "watchdog",
               c->watchdog_us / 1000);
    }
    printf("  %-*s", PRINT_COLUMN, "privileges");
    for (uint32_t i = 0; i < ARRAY_SIZE(privileges); i++) {
        printf("%s%s", (c->privileges >> i) & 1u ? " " : "",
               (c->privileges >> i) & 1u ? privileges[i] : "");
    }
    printf("%s\n\n", c->privileges == 0 ? " none" : "");
}

static void print_seat(const struct manifest *m, uint64_t hart, const struct sched_seat *seat)
{
    const struct vm_config *vm = &m->vms[seat->vm];
    const struct vcpu_sched_config *c = &vm->sched[seat->vcpu];
    char slice[24] = "none";

    if (c->slice_us != 0) {
        snprintf(slice, sizeof(slice), "%" PRIu64, c->slice_us);
    }
    printf("  %-*s %2u %4u %8s", (int)MANIFEST_NAME_MAX, vm->name, seat->vcpu, c->priority, slice);
    if (c->budget_us == 0) {
        printf(" %17s%s\n", "none", vm->harts[seat->vcpu] != hart ? " (may come)" : "");
        return;
    }
    printf(" %8" PRIu64 "/%-8" PRIu64 " %6.2f %8" PRIu64 " %8" PRIu64 "%s\n", c->budget_us,
           c->period_us, (double)manifest_share_ppm(c) / 1e4,
           (manifest_response_ns(m, seat) + 999) / 1000,
           c->deadline_us != 0 ? c->deadline_us : c->period_us, c->hard ? " hard" : "");
}

/* Whom a hart belongs to that has several vCPUs, or a budget to keep. */
static void print_hart(const struct manifest *m, uint64_t hart)
{
    struct sched_seat s = {0, 0};
    uint64_t ppm = 0;
    uint32_t count = 0;

    for (; manifest_seat_find(m, hart, &s); s.vcpu++, count++) {
        ppm += manifest_share_ppm(&m->vms[s.vm].sched[s.vcpu]);
    }
    if (count < 2 && ppm == 0) {
        return;
    }
    printf("hart %" PRIu64 ": %u vCPU%s, %.2f %% of it guaranteed, of at most %.2f %%\n", hart,
           count, count == 1 ? "" : "s", (double)ppm / 1e4, (double)SCHED_CAPACITY_PPM / 1e4);
    printf("  %-*s %2s %4s %8s %8s/%-8s %6s %8s %8s\n", (int)MANIFEST_NAME_MAX,
           "VM, vCPU; times in us", "", "prio", "slice", "budget", "period", "%", "response",
           "deadline");
    for (s = (struct sched_seat){0, 0}; manifest_seat_find(m, hart, &s); s.vcpu++) {
        print_seat(m, hart, &s);
    }
    printf("\n");
}

/* In ascending order: hart ids are below 2^32, as cells are. */
static void print_harts(const struct manifest *m)
{
    uint64_t next = 0;

    while (next != UINT64_MAX) {
        uint64_t hart = UINT64_MAX;

        for (uint32_t v = 0; v < m->vm_count; v++) {
            for (uint32_t i = 0; i < m->vms[v].vcpu_count + m->vms[v].affinity_count; i++) {
                uint64_t id = m->vms[v].harts[i];

                hart = id >= next && id < hart ? id : hart;
            }
        }
        if (hart != UINT64_MAX) {
            print_hart(m, hart);
        }
        next = hart != UINT64_MAX ? hart + 1 : hart;
    }
}

static void print_system(const struct manifest *m, const struct board *board)
{
    struct power_vm_config power[MANIFEST_VMS];
    struct power_config_error bound;
    uint64_t bytes = 0;
    char size[32];

    for (uint32_t v = 0; v < m->vm_count; v++) {
        print_vm(m, v);
        power[v] = m->vms[v].power;
        for (uint32_t i = 0; i < m->vms[v].mem_count; i++) {
            bytes += m->vms[v].mem[i].size;
        }
    }
    for (uint32_t i = 0; i < m->shmem_count; i++) {
        bytes += m->shmems[i].size;
    }
    print_harts(m);
    printf("memory of all VMs: %s", size_text(bytes, size));
    if (board != NULL) {
        printf(" of %s that the machine has, firmware, Curia and bundle included",
               size_text(ram_free_bytes(&board->ram), size));
    }
    printf("\n");
    if (power_check_config(power, m->vm_count, m->deadline_us, &bound) == ERR_OK) {
        printf("going down takes at most %" PRIu64 " ms", bound.total_us / 1000);
        if (m->deadline_us != POWER_NEVER) {
            printf(", the deadline is %" PRIu64 " ms", m->deadline_us / 1000);
        }
        printf("\n");
    }
}

/* ---- command line ---------------------------------------------------------------------------- */

static int usage(void)
{
    fprintf(stderr, "usage: curia-manifest check FILE [--fdt HOST.dtb]\n"
                    "FILE: a manifest compiled by dtc, or a bundle that holds one\n");
    return EXIT_UNREADABLE;
}

/* If data is a bundle, finds the manifest in it: false with a message where that fails. */
static bool open_bundle(struct bundle *b, const char *path, const void **data, size_t *size,
                        bool *is_bundle)
{
    const char *why = NULL;
    struct image *image;

    *is_bundle = *size >= FDT_V17_SIZE && fdt_check_header(*data) == 0 &&
                 fdt_totalsize(*data) <= *size && fdt_path_offset(*data, "/images") >= 0;
    if (!*is_bundle) {
        return true;
    }
    if (bundle_read(b, *data, *size, &why) != ERR_OK) {
        fprintf(stderr, "%s: %s\n", path, why);
        return false;
    }
    image = bundle_find(b, "manifest");
    if (image == NULL || bundle_verify(b, image, &why) != ERR_OK) {
        fprintf(stderr, "%s: the image \"manifest\": %s\n", path,
                image == NULL ? "there is none" : why);
        return false;
    }
    *data = image->data;
    *size = (size_t)image->size;
    return true;
}

static int check(const char *path, const char *host_path)
{
    static struct board board;
    struct bundle bundle;
    struct manifest m;
    const void *data;
    size_t size = 0;
    size_t host_size = 0;
    const char *why = NULL;
    uint32_t findings = 0;
    bool is_bundle;
    void *arena = malloc(ARENA_BYTES);

    data = file_read(path, &size);
    if (arena == NULL || data == NULL) {
        return EXIT_UNREADABLE;
    }
    pool_init(arena, ARENA_BYTES);
    if (host_path != NULL) {
        const void *host = file_read(host_path, &host_size);

        if (host == NULL) {
            return EXIT_UNREADABLE;
        }
        if (host_size < FDT_V17_SIZE || fdt_check_header(host) != 0 ||
            fdt_totalsize(host) > host_size || board_read(&board, host, &why) != ERR_OK) {
            fprintf(stderr, "%s: %s\n", host_path, why != NULL ? why : "is no device tree blob");
            return EXIT_UNREADABLE;
        }
    }
    if (!open_bundle(&bundle, path, &data, &size, &is_bundle)) {
        return EXIT_UNREADABLE;
    }
    if (manifest_read(&m, data, size, host_path != NULL ? &board : NULL,
                      is_bundle ? image_exists : NULL, &bundle, report, &findings) != ERR_OK) {
        printf("%u mistake%s in %s\n", findings, findings == 1 ? "" : "s", path);
        return EXIT_MISTAKES;
    }
    print_system(&m, host_path != NULL ? &board : NULL);
    return EXIT_RIGHT;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "check") == 0) {
        return check(argv[2], NULL);
    }
    if (argc == 5 && strcmp(argv[1], "check") == 0 && strcmp(argv[3], "--fdt") == 0) {
        return check(argv[2], argv[4]);
    }
    return usage();
}
