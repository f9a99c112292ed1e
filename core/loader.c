/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layout in the VM's first RAM region: the kernel where its boot header wants it (at the start
 * without a header), the initrd behind what the kernel claims, the FDT at the end, out of the way
 * of a kernel that does not say how much it claims. RISC-V Linux takes all of them anywhere in RAM,
 * the kernel at a multiple of 2 MiB [Linux, RISC-V boot requirements].
 *
 * Loads of several VMs run side by side, on harts of their own or by turns on one, part by part.
 * Nothing is held from one part to the next but what struct load says. Only the buffer in which
 * FDTs are written is shared, under its lock; who finds it held comes again.
 *
 * A part is as much as an urgent vCPU of the same hart may have to wait for: a part of a hash
 * (core/bundle.c), PART_SHARED bytes written, about as long at 1 GB/s, or one FDT generated, the
 * longest: some 230,000 instructions for a VM of one vCPU with a UART. On a hart of its own a load
 * makes only the hypervisor's interrupts wait, for PART_ALONE, and the some hundred instructions
 * around a part do not count.
 */
#include "core/loader.h"

#include "core/bundle.h"
#include "core/guest_fdt.h"
#include "core/machine.h"
#include "core/memmap.h"
#include "core/pagepool.h"

#include <libfdt.h>

#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#define PART_SHARED (128ull * KIB)
#define PART_ALONE  (2ull * MIB)
#define MIB2        (2ull * MIB)
#define FDT_ALIGN   (4ull * KIB)

/* Room for a generated FDT: a vCPU's node is mostly its ISA, told in two forms. */
#define FDT_BASE_BYTES   (6u * KIB)
#define FDT_VCPU_BYTES   (2u * KIB)
#define FDT_DEVICE_BYTES (1u * KIB)

/* The RISC-V boot image header, as far as a loader reads it; little endian. */
struct image_header {
    uint32_t code[2];
    uint64_t text_offset;
    uint64_t image_size;
    uint64_t flags;
    uint32_t version;
    uint32_t reserved1;
    uint64_t reserved2;
    uint64_t magic;
    uint32_t magic2;
    uint32_t reserved3;
};
_Static_assert(sizeof(struct image_header) == 64, "the boot image header has 64 bytes");
#define IMAGE_MAGIC2 0x05435352u /* "RSC\x05" */

/* Stages of a load: a piece's hashes each, then place(), then a region of RAM each. */
enum {
    KERNEL,
    INITRD,
    FDT,
    PLACE,
    FILL,
};
#define PIECES 3u

/* What is not zero. */
struct piece {
    const void *data; /* NULL: it is in its place already */
    gpa_t gpa;
    uint64_t size;
};

/* A VM's load under way; own hart of its vCPU 0. */
struct load {
    uint32_t stage;
    struct image *image; /* of the stage; NULL: not looked for yet */
    uint64_t done;       /* bytes of the stage's region */
    struct piece pieces[PIECES];
};

static struct {
    struct load *loads; /* one a VM; fixed at boot */
    struct spinlock lock;
    void *buffer PT_GUARDED_BY(lock);
    size_t size; /* enough for any VM of the manifest */
} loader;

static size_t fdt_room(const struct vm_config *c)
{
    size_t ends = machine.manifest.channel_count + machine.manifest.shmem_count;

    return FDT_BASE_BYTES + (c->bootargs != NULL ? strlen(c->bootargs) : 0) +
           c->vcpu_count * FDT_VCPU_BYTES +
           (c->vdev_count + c->passthrough_count + ends) * FDT_DEVICE_BYTES;
}

enum err loader_init(void)
{
    uint32_t vms = machine.manifest.vm_count;

    for (uint32_t i = 0; i < vms; i++) {
        size_t room = fdt_room(&machine.manifest.vms[i]);

        loader.size = room > loader.size ? room : loader.size;
    }
    loader.buffer = pool_alloc(loader.size, 8);
    loader.loads = pool_alloc(vms * sizeof(loader.loads[0]), alignof(struct load));
    return loader.buffer != NULL && loader.loads != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/* Where kernel starts, and (in *claimed) how much from there on is its own, bss included. */
static uint64_t kernel_place(const struct piece *kernel, uint64_t ram_start, uint64_t *claimed)
{
    struct image_header h;

    *claimed = kernel->size;
    if (kernel->size < sizeof(h)) {
        return ram_start;
    }
    memcpy(&h, kernel->data, sizeof(h));
    if (h.magic2 != IMAGE_MAGIC2 || h.text_offset > GIB || h.image_size > GIB) {
        return ram_start;
    }
    if (h.image_size > kernel->size) {
        *claimed = h.image_size;
    }
    return align_up(ram_start, MIB2) + h.text_offset;
}

/* At the end of ram; ERR_RANGE: what lies below reaches up to there. */
static enum err place_fdt(const struct mem_config *ram, uint64_t used_to, struct piece *fdt)
{
    uint64_t room = align_up(fdt->size, FDT_ALIGN);
    uint64_t start = align_down(ram->gpa + ram->size, FDT_ALIGN) - room;

    fdt->gpa = gpa(start);
    return room <= ram->size && used_to <= start ? ERR_OK : ERR_RANGE;
}

static hpa_t host_of(const struct vm *vm, const struct mem_config *mem, uint64_t at)
{
    return hpa_add(memmap_find(&vm->map, gpa(mem->gpa))->hpa, at);
}

/* Generates the FDT, in the shared buffer, and puts it into its place. */
static enum err write_fdt(const struct vm *vm, const struct guest_initrd *initrd, uint64_t used_to,
                          struct piece *fdt, const char **why) REQUIRES(loader.lock)
{
    const struct mem_config *ram = &vm->config->mem[0];
    enum err e;

    if (guest_fdt_write(vm, initrd, loader.buffer, loader.size) != ERR_OK) {
        *why = "its FDT does not fit into the loader's buffer";
        return ERR_FAILED;
    }
    fdt->size = fdt_totalsize(loader.buffer);
    e = place_fdt(ram, used_to, fdt);
    if (e == ERR_OK) {
        arch_phys_write(host_of(vm, ram, fdt->gpa.v - ram->gpa), loader.buffer, fdt->size);
    }
    return e;
}

/* ---- the parts ------------------------------------------------------------------------------- */

/* No other vCPU of the hart waits for its turn. */
static bool is_alone(const struct vm *vm)
{
    return !hart_has_queue(vcpu_hart(vm->vcpus[0]));
}

/* A part of the hashes of the image whose turn it is. ERR_BUSY: of the same there is more. */
static enum err verify(const struct vm *vm, struct load *load, const char **why)
{
    const struct vm_config *c = vm->config;
    const char *const names[PIECES] = {c->kernel, c->initrd, c->fdt};
    const char *name = names[load->stage];
    enum err e;

    if (name == NULL) {
        return ERR_OK;
    }
    if (load->image == NULL) {
        load->image = bundle_find(&machine.bundle, name);
    }
    if (load->image == NULL) {
        *why = "an image that its manifest names is not in the bundle";
        return ERR_NOT_FOUND;
    }
    e = bundle_verify_part(&machine.bundle, load->image, is_alone(vm), why);
    if (e == ERR_OK) {
        load->pieces[load->stage] = (struct piece){load->image->data, gpa(0), load->image->size};
        load->image = NULL;
    }
    return e;
}

/* Where everything goes, in one part: it depends on no image's size. ERR_BUSY: all of it again. */
static enum err place(const struct vm *vm, struct load *load, const char **why)
{
    const struct vm_config *c = vm->config;
    struct piece *kernel = &load->pieces[KERNEL];
    struct piece *initrd = &load->pieces[INITRD];
    struct piece *fdt = &load->pieces[FDT];
    uint64_t used_to;
    enum err e;

    kernel->gpa = gpa(kernel_place(kernel, c->mem[0].gpa, &used_to));
    used_to += kernel->gpa.v;
    if (c->initrd != NULL) {
        initrd->gpa = gpa(align_up(used_to, MIB2));
        used_to = initrd->gpa.v + initrd->size;
    }
    if (c->fdt != NULL) {
        e = place_fdt(&c->mem[0], used_to, fdt);
    } else {
        const struct guest_initrd told = {initrd->gpa, initrd->size};

        if (!spin_trylock(&loader.lock)) {
            return ERR_BUSY; /* another hart writes one: no part is longer by that */
        }
        e = write_fdt(vm, &told, used_to, fdt, why);
        spin_unlock(&loader.lock);
    }
    if (e == ERR_RANGE) {
        *why = "its kernel, initrd and FDT do not fit into its first memory region; make it larger";
    }
    return e;
}

/*
 * Writes what lies at load->done of a region, up to where something else begins: a piece, or the
 * zeroes between them. Parts end at multiples of their size: wide stores stay aligned. ERR_BUSY:
 * the region goes on.
 */
static enum err fill(const struct vm *vm, const struct mem_config *mem, struct load *load)
{
    hpa_t to = host_of(vm, mem, load->done);
    uint64_t left = mem->size - load->done;
    uint64_t most = is_alone(vm) ? PART_ALONE : PART_SHARED;
    uint64_t part = most - load->done % most;
    const struct piece *in = NULL;

    part = part < left ? part : left;
    for (uint32_t i = 0; i < PIECES; i++) {
        const struct piece *p = &load->pieces[i];
        uint64_t start = p->gpa.v - mem->gpa; /* beyond all regions for one that lies below */
        uint64_t before = load->done - start; /* of the piece; more than it has before its start */

        if (before < p->size) {
            in = p;
            part = part < p->size - before ? part : p->size - before;
            break;
        }
        if (start > load->done && part > start - load->done) {
            part = start - load->done;
        }
    }
    if (in == NULL) {
        arch_phys_zero(to, part);
    } else if (in->data != NULL) {
        arch_phys_write(to, (const char *)in->data + (mem->gpa + load->done - in->gpa.v), part);
    }
    load->done += part;
    return load->done < mem->size ? ERR_BUSY : ERR_OK;
}

void loader_begin(struct vm *vm)
{
    loader.loads[vm->index] = (struct load){.stage = KERNEL};
}

enum err loader_step(struct vm *vm, struct loaded *out, const char **why)
{
    const struct vm_config *c = vm->config;
    struct load *load = &loader.loads[vm->index];
    uint32_t end = FILL + c->mem_count;
    enum err e = ERR_OK;

    if (load->stage < PLACE) {
        e = verify(vm, load, why);
    } else if (load->stage == PLACE) {
        e = place(vm, load, why);
    } else if (load->stage < end) {
        e = fill(vm, &c->mem[load->stage - FILL], load);
    }
    if (e != ERR_OK) {
        return e;
    }
    load->stage += load->stage < end ? 1 : 0;
    load->done = 0;
    *out = (struct loaded){load->pieces[KERNEL].gpa, load->pieces[FDT].gpa};
    return load->stage < end ? ERR_BUSY : ERR_OK;
}
