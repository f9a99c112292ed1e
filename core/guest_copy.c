/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies to and from guest RAM through the port's windows. A range is checked as a whole before its
 * first byte moves; each byte is then read once. The maps are constant, so what was checked holds.
 */
#include "core/memmap.h"
#include "core/vm.h"

/*
 * memmap_ram() of a range that is RAM as a whole. One that lies in a single piece has been checked
 * by that; it cannot wrap either, as no region does.
 */
static bool find(const struct vm *vm, gpa_t at, uint64_t len, hpa_t *out, uint64_t *chunk)
{
    return memmap_ram(&vm->map, at, len, out, chunk) == ERR_OK &&
           (*chunk == len || memmap_is_ram(&vm->map, at, len));
}

enum err guest_read(const struct vm *vm, void *dst, gpa_t src, uint64_t len)
{
    for (uint64_t done = 0, chunk; done < len; done += chunk) {
        hpa_t from;

        if (!find(vm, gpa_add(src, done), len - done, &from, &chunk)) {
            return ERR_FAULT;
        }
        arch_phys_read((char *)dst + done, from, chunk);
    }
    return ERR_OK;
}

enum err guest_write(const struct vm *vm, gpa_t dst, const void *src, uint64_t len)
{
    for (uint64_t done = 0, chunk; done < len; done += chunk) {
        hpa_t to;

        if (!find(vm, gpa_add(dst, done), len - done, &to, &chunk)) {
            return ERR_FAULT;
        }
        arch_phys_write(to, (const char *)src + done, chunk);
    }
    return ERR_OK;
}

enum err guest_copy(const struct vm *to, gpa_t dst, const struct vm *from, gpa_t src, uint64_t len)
{
    for (uint64_t done = 0, chunk; done < len; done += chunk) {
        uint64_t readable, writable;
        hpa_t source, target;

        if (!find(from, gpa_add(src, done), len - done, &source, &readable) ||
            !find(to, gpa_add(dst, done), len - done, &target, &writable)) {
            return ERR_FAULT;
        }
        chunk = readable < writable ? readable : writable;
        arch_phys_copy(target, source, chunk);
    }
    return ERR_OK;
}
