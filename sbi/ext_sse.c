/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SSE: the two events that a guest raises by itself, software local and software global, and the
 * double trap, where FWFT has that to offer. What they do is core/sse.c's; ids, attributes and the
 * rules for these are here. [SBI 3.0 §17]
 */
#include "core/sse.h"
#include "core/vm.h"
#include "sbi/sbi.h"

#include <string.h>

_Static_assert(SSE_STATUS == SBI_SSE_ATTR_STATUS && SSE_PRIORITY == SBI_SSE_ATTR_PRIORITY &&
                   SSE_CONFIG == SBI_SSE_ATTR_CONFIG && SSE_HART == SBI_SSE_ATTR_PREFERRED_HART &&
                   SSE_ENTRY_PC == SBI_SSE_ATTR_ENTRY_PC &&
                   SSE_ENTRY_ARG == SBI_SSE_ATTR_ENTRY_ARG &&
                   SSE_INTERRUPTED == SBI_SSE_ATTR_SEPC && SSE_ATTRS == SBI_SSE_ATTR_A7 + 1,
               "core's attributes are SBI's");

/* What an attribute may be at most; 0: it is read-only. Harts are fewer; flags of extensions that a
 * guest lacks are kept, and have no effect. */
static const uint64_t most[SSE_ATTRS] = {
    [SBI_SSE_ATTR_PRIORITY] = UINT32_MAX,
    [SBI_SSE_ATTR_CONFIG] = SSE_ONESHOT,
    [SBI_SSE_ATTR_PREFERRED_HART] = UINT64_MAX,
    [SBI_SSE_ATTR_SEPC] = UINT64_MAX,
    [SBI_SSE_ATTR_FLAGS] = 0x3f,
    [SBI_SSE_ATTR_A6] = UINT64_MAX,
    [SBI_SSE_ATTR_A7] = UINT64_MAX,
};

/* What these do to the state. */
static const struct {
    enum sse_state from, to;
} moves[] = {
    [SBI_SSE_REGISTER] = {SSE_UNUSED, SSE_REGISTERED},
    [SBI_SSE_UNREGISTER] = {SSE_REGISTERED, SSE_UNUSED},
    [SBI_SSE_ENABLE] = {SSE_REGISTERED, SSE_ENABLED},
    [SBI_SSE_DISABLE] = {SSE_ENABLED, SSE_REGISTERED},
};

/* Defined, and not there: nothing raises them, or not on this machine. */
static const uint32_t not_supported[] = {
    SBI_SSE_LOCAL_HIGH_RAS, SBI_SSE_LOCAL_DOUBLE_TRAP, SBI_SSE_GLOBAL_HIGH_RAS,
    SBI_SSE_LOCAL_PMU,      SBI_SSE_LOCAL_LOW_RAS,     SBI_SSE_GLOBAL_LOW_RAS,
};

/* v's event of this id, or NULL. */
static struct sse_event *event_of(struct vcpu *v, uint32_t id)
{
    switch (id) {
    case SBI_SSE_LOCAL_DOUBLE_TRAP:
        return (arch_features().offered >> SBI_FWFT_DOUBLE_TRAP & 1u) != 0
                   ? &v->sse.local[SSE_DOUBLE_TRAP]
                   : NULL;
    case SBI_SSE_LOCAL_SOFTWARE:
        return &v->sse.local[SSE_SOFTWARE];
    case SBI_SSE_GLOBAL_SOFTWARE:
        return &v->vm->sse.global;
    default:
        return NULL;
    }
}

/* For an event that v has not. */
static int64_t no_event(uint32_t id)
{
    for (size_t i = 0; i < ARRAY_SIZE(not_supported); i++) {
        if (id == not_supported[i]) {
            return SBI_ERR_NOT_SUPPORTED;
        }
    }
    return SBI_ERR_INVALID_PARAM;
}

static uint64_t state_of(const struct sse_event *e)
{
    return e->attr[SSE_STATUS] & SSE_STATE;
}

/* May v give attribute id of e this value now? */
static int64_t may_write(const struct vcpu *v, const struct sse_event *e, uint32_t id,
                         uint64_t value)
{
    bool hart = id == SBI_SSE_ATTR_PREFERRED_HART;

    if (most[id] == 0 || (hart && e != &v->vm->sse.global)) {
        return SBI_ERR_DENIED;
    }
    if (id >= SBI_SSE_ATTR_SEPC ? !sse_runs(v, e) : state_of(e) > SSE_REGISTERED) {
        return SBI_ERR_INVALID_STATE;
    }
    return value > most[id] || (hart && vm_vcpu(v->vm, value) == NULL) ? SBI_ERR_INVALID_PARAM
                                                                       : SBI_SUCCESS;
}

static struct sbi_ret attributes(struct vcpu *v, struct sse_event *e, bool write,
                                 const uint64_t a[6])
{
    uint32_t base = (uint32_t)a[1];
    uint32_t count = (uint32_t)a[2];
    uint64_t bytes = count * sizeof(uint64_t);
    uint64_t values[SSE_ATTRS];
    int64_t error = SBI_SUCCESS;

    if (count == 0) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    if (base >= SSE_ATTRS || count > SSE_ATTRS - base) {
        return sbi_err(SBI_ERR_BAD_RANGE);
    }
    if (!is_aligned(a[3], sizeof(uint64_t)) || a[4] != 0) {
        return sbi_err(SBI_ERR_INVALID_ADDRESS);
    }
    if (!write) {
        memcpy(values, e->attr, sizeof(values));
        values[SSE_STATUS] |= SBI_SSE_STATUS_INJECT;
        return sbi_from(guest_write(v->vm, gpa(a[3]), &values[base], bytes));
    }
    if (guest_read(v->vm, values, gpa(a[3]), bytes) != ERR_OK) {
        return sbi_err(SBI_ERR_INVALID_ADDRESS);
    }
    for (uint32_t i = 0; error == SBI_SUCCESS && i < count; i++) {
        error = may_write(v, e, base + i, values[i]);
    }
    if (error == SBI_SUCCESS) {
        memcpy(&e->attr[base], values, bytes);
        e->named = e->named || SSE_HART - base < count;
    }
    return sbi_err(error);
}

static struct sbi_ret move(struct vcpu *v, struct sse_event *e, uint64_t fid, const uint64_t a[6])
{
    if (fid == SBI_SSE_REGISTER && !is_aligned(a[1], 2)) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    if (state_of(e) != moves[fid].from) {
        return sbi_err(SBI_ERR_INVALID_STATE);
    }
    e->attr[SSE_STATUS] += (uint64_t)moves[fid].to - moves[fid].from;
    if (fid == SBI_SSE_REGISTER) {
        e->attr[SSE_ENTRY_PC] = a[1];
        e->attr[SSE_ENTRY_ARG] = a[2];
    }
    sse_changed(v);
    return sbi_ok(0);
}

static struct sbi_ret inject(struct vcpu *v, uint32_t id, uint64_t hartid)
{
    if (id != SBI_SSE_GLOBAL_SOFTWARE) {
        v = vm_vcpu(v->vm, hartid);
        if (v == NULL) {
            return sbi_err(SBI_ERR_INVALID_PARAM);
        }
    }
    event_of(v, id)->attr[SSE_STATUS] |= SSE_PENDING;
    sse_changed(v);
    return sbi_ok(0);
}

static struct sbi_ret of_event(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    uint32_t id = (uint32_t)a[0];
    struct sse_event *e = event_of(v, id);

    if (e == NULL) {
        return sbi_err(no_event(id));
    }
    if (fid < SBI_SSE_REGISTER) {
        return attributes(v, e, fid == SBI_SSE_WRITE_ATTRS, a);
    }
    return fid == SBI_SSE_INJECT ? inject(v, id, a[1]) : move(v, e, fid, a);
}

static struct sbi_ret unmask(struct vcpu *v, bool unmasked)
{
    if (v->sse.unmasked == unmasked) {
        return sbi_err(unmasked ? SBI_ERR_ALREADY_STARTED : SBI_ERR_ALREADY_STOPPED);
    }
    v->sse.unmasked = unmasked;
    sse_changed(v);
    return sbi_ok(0);
}

/* What was interrupted goes on with a0 and a1 as the handler leaves them. */
static struct sbi_ret complete(struct vcpu *v, const uint64_t a[6])
{
    if (!sse_complete(v)) {
        return sbi_ok(0);
    }
    return (struct sbi_ret){(int64_t)a[0], a[1]};
}

static struct sbi_ret locked(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    switch (fid) {
    case SBI_SSE_COMPLETE:
        return complete(v, a);
    case SBI_SSE_HART_UNMASK:
    case SBI_SSE_HART_MASK:
        return unmask(v, fid == SBI_SSE_HART_UNMASK);
    default:
        return fid < SBI_SSE_HART_UNMASK ? of_event(v, fid, a) : sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    struct sbi_ret r;

    spin_lock(&v->vm->sse.lock);
    r = locked(v, fid, a);
    spin_unlock(&v->vm->sse.lock);
    return r;
}

const struct sbi_ext sbi_ext_sse = {SBI_EXT_SSE, handle, NULL};
