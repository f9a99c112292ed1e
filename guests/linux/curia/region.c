// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared regions: memory that the manifest gives to several VMs, mapped by programs as it is. It is
 * no RAM of this kernel (no struct page), ordinary cached memory all the same. A read-only end maps
 * read-only here too; a store would be an access fault from Curia, and so would an instruction
 * fetch at any end.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "curia.h"

struct region {
    struct miscdevice misc;
    u64 start; /* guest physical */
    u64 size;
    bool read_only;
};

static int region_open(struct inode *inode, struct file *file)
{
    struct region *r = container_of(file->private_data, struct region, misc);

    if (r->read_only && (file->f_mode & FMODE_WRITE) != 0) {
        return -EROFS;
    }
    file->private_data = r;
    return 0;
}

static loff_t region_llseek(struct file *file, loff_t offset, int whence)
{
    const struct region *r = file->private_data;

    return fixed_size_llseek(file, offset, whence, (loff_t)r->size);
}

/*
 * The kernel itself gives no writable shared mapping of a file that was not opened for writing.
 * What could become a private copy is refused: it would share nothing. Executable is refused as
 * well, now and by mprotect(): RISC-V's set_pte() wants a struct page of each page that is.
 */
static int region_mmap(struct file *file, struct vm_area_struct *vma)
{
    const struct region *r = file->private_data;
    u64 bytes = vma->vm_end - vma->vm_start;
    u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;

    if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE) {
        return -EINVAL;
    }
    if ((vma->vm_flags & VM_EXEC) != 0) {
        return -EACCES;
    }
    if (offset > r->size || bytes > r->size - offset) {
        return -ENXIO;
    }
    vm_flags_clear(vma, r->read_only ? VM_MAYEXEC | VM_MAYWRITE : VM_MAYEXEC);
    return remap_pfn_range(vma, vma->vm_start, PHYS_PFN(r->start + offset), bytes,
                           vma->vm_page_prot);
}

static const struct file_operations region_fops = {
    .owner = THIS_MODULE,
    .open = region_open,
    .llseek = region_llseek,
    .mmap = region_mmap,
};

int curia_region_add(struct device *dev, struct device_node *node)
{
    struct region *r = devm_kzalloc(dev, sizeof(*r), GFP_KERNEL);
    const char *label;
    const char *name;

    if (r == NULL) {
        return -ENOMEM;
    }
    /* Two address and two size cells, whatever the parent says for its channels. */
    if (of_property_read_u64_index(node, "reg", 0, &r->start) != 0 ||
        of_property_read_u64_index(node, "reg", 1, &r->size) != 0 ||
        of_property_read_string(node, "label", &label) != 0 || !PAGE_ALIGNED(r->start) ||
        !PAGE_ALIGNED(r->size) || r->size == 0) {
        dev_err(dev, "%pOF: reg or label is missing or wrong\n", node);
        return -EINVAL;
    }
    r->read_only = of_property_read_bool(node, "read-only");
    name = devm_kasprintf(dev, GFP_KERNEL, "region-%s", label);
    return name == NULL ? -ENOMEM : curia_misc_register(dev, &r->misc, name, &region_fops);
}
