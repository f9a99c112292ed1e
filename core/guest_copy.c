/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies to and from guest RAM through the port's windows. A range is checked as a whole before its
 * first byte moves; each byte is then read once. The maps are constant, so what was checked holds.
 */
#include "core/memmap.h"
#include "core/vm.h"

enum err guest_read(const struct vm *vm, void *dst, gpa_t src, uint64_t len)
{
    if (len != 0 && !memmap_is_ram(&vm->map, src, len)) {
        return ERR_FAULT;
    }
    for (uint64_t done = 0, chunk; done < len; done += chunk) {
        hpa_t from;

        if (memmap_ram(&vm->map, gpa_add(src, done), len - done, &from, &chunk) != ERR_OK) {
            return ERR_FAULT;
        }
        arch_phys_read((char *)dst + done, from, chunk);
    }
    return ERR_OK;
}

enum err guest_write(const struct vm *vm, gpa_t dst, const void *src, uint64_t len)
{
    if (len != 0 && !memmap_is_ram(&vm->map, dst, len)) {
        return ERR_FAULT;
    }
    for (uint64_t done = 0, chunk; done < len; done += chunk) {
        hpa_t to;

        if (memmap_ram(&vm->map, gpa_add(dst, done), len - done, &to, &chunk) != ERR_OK) {
            return ERR_FAULT;
        }
        arch_phys_write(to, (const char *)src + done, chunk);
    }
    return ERR_OK;
}

enum err guest_copy(const struct vm *to, gpa_t dst, const struct vm *from, gpa_t src, uint64_t len)
{
    if (len != 0 && (!memmap_is_ram(&to->map, dst, len) || !memmap_is_ram(&from->map, src, len))) {
        return ERR_FAULT;
    }
    for (uint64_t done = 0, chunk; done < len; done += chunk) {
        uint64_t readable;
        hpa_t source, target;

        if (memmap_ram(&from->map, gpa_add(src, done), len - done, &source, &readable) != ERR_OK ||
            memmap_ram(&to->map, gpa_add(dst, done), readable, &target, &chunk) != ERR_OK) {
            return ERR_FAULT;
        }
        arch_phys_copy(target, source, chunk);
    }
    return ERR_OK;
}
