/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DBCN: the VM's console. Buffers are the VM's own RAM, checked whole before the first byte moves.
 * A call moves at most READ_BYTES or WRITE_BYTES, so that no guest holds a hart for as long as it
 * likes: an empty line, one byte, is 1,800 instructions on the terminal. Callers go on where it
 * ended, as the text wants them to. [SBI 3.0 §12]
 */
#include "core/console.h"
#include "core/vm.h"
#include "sbi/sbi.h"

#define READ_BYTES  4096u
#define WRITE_BYTES 64u
#define CHUNK_BYTES 256u /* on the stack */

static struct sbi_ret write(const struct vm *vm, uint64_t addr, uint64_t len)
{
    char bytes[WRITE_BYTES];

    if (guest_read(vm, bytes, gpa(addr), len) != ERR_OK) {
        return sbi_err(SBI_ERR_FAILED);
    }
    console_write(vm->console, bytes, len);
    return sbi_ok(len);
}

static struct sbi_ret read(const struct vm *vm, uint64_t addr, uint64_t len)
{
    char chunk[CHUNK_BYTES];
    uint64_t done = 0;

    while (done < len) {
        uint64_t n = len - done < CHUNK_BYTES ? len - done : CHUNK_BYTES;

        n = console_read(vm->console, chunk, n);
        if (n == 0) {
            break;
        }
        if (guest_write(vm, gpa(addr + done), chunk, n) != ERR_OK) {
            return sbi_err(SBI_ERR_FAILED);
        }
        done += n;
    }
    return sbi_ok(done);
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    const struct vm *vm = v->vm;

    switch (fid) {
    case SBI_DBCN_WRITE:
    case SBI_DBCN_READ:
        break;
    case SBI_DBCN_WRITE_BYTE:
        console_write(vm->console, &(char){(char)a[0]}, 1);
        return sbi_ok(0);
    default:
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }

    uint64_t most = fid == SBI_DBCN_WRITE ? WRITE_BYTES : READ_BYTES;
    uint64_t len = a[0] < most ? a[0] : most;

    if (a[0] == 0) {
        return sbi_ok(0);
    }
    if (a[2] != 0 || !memmap_is_ram(&vm->map, gpa(a[1]), a[0])) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    return fid == SBI_DBCN_WRITE ? write(vm, a[1], len) : read(vm, a[1], len);
}

const struct sbi_ext sbi_ext_dbcn = {SBI_EXT_DBCN, handle, NULL};
