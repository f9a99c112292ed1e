/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DBCN: the VM's console. Buffers are the VM's own RAM, checked whole before the first byte moves.
 * A call moves at most READ_BYTES or WRITE_BYTES, so that no guest holds a hart for as long as it
 * likes. Callers go on where it ended, as the text wants them to; but where it would write nothing,
 * which the text allows as well, it waits: Linux throws away what it cannot write. [SBI 3.0 §12]
 */
#include "core/console.h"
#include "core/vm.h"
#include "sbi/sbi.h"

#define READ_BYTES  4096u
#define WRITE_BYTES 64u
#define CHUNK_BYTES 256u /* on the stack */

/* No answer yet: a0 and a1 stay. */
static struct sbi_ret again(struct vcpu *v, const uint64_t a[6])
{
    arch_vcpu_call_again(v);
    return (struct sbi_ret){(int64_t)a[0], a[1]};
}

static struct sbi_ret write(struct vcpu *v, const uint64_t a[6], uint64_t len)
{
    char bytes[WRITE_BYTES];

    if (guest_read(v->vm, bytes, gpa(a[1]), len) != ERR_OK) {
        return sbi_err(SBI_ERR_FAILED);
    }
    len = console_write(v->vm->console, bytes, len);
    return len != 0 ? sbi_ok(len) : again(v, a);
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
    char byte = (char)a[0];

    switch (fid) {
    case SBI_DBCN_WRITE:
    case SBI_DBCN_READ:
        break;
    case SBI_DBCN_WRITE_BYTE:
        return console_write(vm->console, &byte, 1) != 0 ? sbi_ok(0) : again(v, a);
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
    return fid == SBI_DBCN_WRITE ? write(v, a, len) : read(vm, a[1], len);
}

const struct sbi_ext sbi_ext_dbcn = {SBI_EXT_DBCN, handle, NULL};
