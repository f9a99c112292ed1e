/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layout in the VM's first RAM region: the kernel where its boot header wants it (at the start
 * without a header), the initrd behind what the kernel claims, the FDT at the end, out of the way
 * of a kernel that does not say how much it claims. RISC-V Linux takes all of them anywhere in RAM,
 * the kernel at a multiple of 2 MiB [Linux, RISC-V boot requirements].
 *
 * Loads of several VMs run side by side on their own harts. Only the buffer in which FDTs are
 * written is shared, under its lock.
 */
#include "core/loader.h"

#include "core/bundle.h"
#include "core/guest_fdt.h"
#include "core/machine.h"
#include "core/memmap.h"
#include "core/pagepool.h"

#include <libfdt.h>

#include <stddef.h>
#include <string.h>

#define PIECES    3u
#define MIB2      (2ull * MIB)
#define FDT_ALIGN (4ull * KIB)

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

/* What is not zero, by rising address. */
struct piece {
    const void *data; /* NULL: it is in its place already */
    gpa_t gpa;
    uint64_t size;
};

static struct {
    struct spinlock lock;
    void *buffer PT_GUARDED_BY(lock);
    size_t size; /* enough for any VM of the manifest */
} fdt_writer;

static size_t fdt_room(const struct vm_config *c)
{
    size_t ends = machine.manifest.channel_count + machine.manifest.shmem_count;

    return FDT_BASE_BYTES + (c->bootargs != NULL ? strlen(c->bootargs) : 0) +
           c->vcpu_count * FDT_VCPU_BYTES +
           (c->vdev_count + c->passthrough_count + ends) * FDT_DEVICE_BYTES;
}

enum err loader_init(void)
{
    for (uint32_t i = 0; i < machine.manifest.vm_count; i++) {
        size_t room = fdt_room(&machine.manifest.vms[i]);

        fdt_writer.size = room > fdt_writer.size ? room : fdt_writer.size;
    }
    fdt_writer.buffer = pool_alloc(fdt_writer.size, 8);
    return fdt_writer.buffer != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static enum err verified(const char *name, const struct image **out, const char **why)
{
    struct image *image = bundle_find(&machine.bundle, name);

    *out = image;
    if (image == NULL) {
        *why = "an image that its manifest names is not in the bundle";
        return ERR_NOT_FOUND;
    }
    return bundle_verify(&machine.bundle, image, why);
}

/* Where kernel starts, and (in *claimed) how much from there on is its own, bss included. */
static uint64_t kernel_place(const struct image *kernel, uint64_t ram_start, uint64_t *claimed)
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

/*
 * Writes data, or zeroes where it is NULL. ERR_STATE: the VM is not to be loaded any more. That is
 * looked at, and the hypervisor's interrupts are served, often enough that neither a stop, nor the
 * machine's end, nor the keyboard has to wait for this hart.
 */
static enum err put(const struct vm *vm, hpa_t to, const void *data, uint64_t size)
{
    const char *from = data;

    for (uint64_t done = 0; done < size; done += MIB2) {
        uint64_t n = size - done < MIB2 ? size - done : MIB2;

        arch_hart_poll();
        if (vm_state(vm) != VM_LOADING) {
            return ERR_STATE;
        }
        if (from != NULL) {
            arch_phys_write(hpa_add(to, done), from + done, n);
        } else {
            arch_phys_zero(hpa_add(to, done), n);
        }
    }
    return ERR_OK;
}

/* Writes one region of RAM: the pieces in it, zeroes between them. */
static enum err fill(const struct vm *vm, const struct mem_config *mem, const struct piece *pieces)
{
    hpa_t host = memmap_find(&vm->map, gpa(mem->gpa))->hpa;
    uint64_t done = 0;
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < PIECES && e == ERR_OK; i++) {
        const struct piece *p = &pieces[i];
        uint64_t at = p->gpa.v - mem->gpa;

        if (p->size == 0 || p->gpa.v < mem->gpa || at >= mem->size) {
            continue;
        }
        e = put(vm, hpa_add(host, done), NULL, at - done);
        if (e == ERR_OK && p->data != NULL) {
            e = put(vm, hpa_add(host, at), p->data, p->size);
        }
        done = at + p->size;
    }
    return e == ERR_OK ? put(vm, hpa_add(host, done), NULL, mem->size - done) : e;
}

static enum err fill_all(const struct vm *vm, const struct piece *pieces)
{
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < vm->config->mem_count && e == ERR_OK; i++) {
        e = fill(vm, &vm->config->mem[i], pieces);
    }
    return e;
}

/* The FDT that is given by hand, or a generated one in the shared buffer. */
static enum err make_fdt(const struct vm *vm, const struct guest_initrd *initrd,
                         struct piece *piece, const char **why) REQUIRES(fdt_writer.lock)
{
    const struct image *image;
    enum err e;

    if (vm->config->fdt != NULL) {
        e = verified(vm->config->fdt, &image, why);
        if (e == ERR_OK) {
            piece->data = image->data;
            piece->size = image->size;
        }
        return e;
    }

    e = guest_fdt_write(vm, initrd, fdt_writer.buffer, fdt_writer.size);
    if (e != ERR_OK) {
        *why = "its FDT does not fit into the loader's buffer";
        return ERR_FAILED;
    }
    piece->data = fdt_writer.buffer;
    piece->size = fdt_totalsize(fdt_writer.buffer);
    return ERR_OK;
}

/* At the end of ram; ERR_RANGE: what lies below reaches up to there. */
static enum err place_fdt(const struct mem_config *ram, uint64_t used_to, struct piece *fdt)
{
    uint64_t room = align_up(fdt->size, FDT_ALIGN);
    uint64_t start = align_down(ram->gpa + ram->size, FDT_ALIGN) - room;

    fdt->gpa = gpa(start);
    return room <= ram->size && used_to <= start ? ERR_OK : ERR_RANGE;
}

enum err loader_load(struct vm *vm, struct loaded *out, const char **why)
{
    const struct vm_config *c = vm->config;
    const struct mem_config *ram = &c->mem[0];
    struct piece pieces[PIECES] = {0};
    struct guest_initrd initrd = {{0}, 0};
    const struct image *image;
    uint64_t claimed;
    uint64_t next;
    enum err e;

    e = verified(c->kernel, &image, why);
    if (e != ERR_OK) {
        return e;
    }
    pieces[0] =
        (struct piece){image->data, gpa(kernel_place(image, ram->gpa, &claimed)), image->size};
    next = pieces[0].gpa.v + claimed;

    if (c->initrd != NULL) {
        e = verified(c->initrd, &image, why);
        if (e != ERR_OK) {
            return e;
        }
        pieces[1] = (struct piece){image->data, gpa(align_up(next, MIB2)), image->size};
        initrd = (struct guest_initrd){pieces[1].gpa, image->size};
        next = pieces[1].gpa.v + image->size;
    }

    spin_lock(&fdt_writer.lock);
    e = make_fdt(vm, &initrd, &pieces[2], why);
    if (e == ERR_OK) {
        e = place_fdt(ram, next, &pieces[2]);
    }
    if (e == ERR_OK) {
        arch_phys_write(
            hpa_add(memmap_find(&vm->map, gpa(ram->gpa))->hpa, pieces[2].gpa.v - ram->gpa),
            pieces[2].data, pieces[2].size);
    } else if (e == ERR_RANGE) {
        *why = "its kernel, initrd and FDT do not fit into its first memory region; make it larger";
    }
    spin_unlock(&fdt_writer.lock);
    if (e != ERR_OK) {
        return e;
    }

    pieces[2].data = NULL;
    *out = (struct loaded){pieces[0].gpa, pieces[2].gpa};
    *why = "it was stopped";
    return fill_all(vm, pieces);
}
