/* SPDX-License-Identifier: BSD-2-Clause */
/* Software events, see sse.h. Everything is done with vm->sse.lock held, which is a leaf. */
#include "core/sse.h"

#include "core/vm.h"

#include <string.h>

#define DUE (SSE_ENABLED | SSE_PENDING) /* SSE_STATUS of an event that waits */

bool sse_runs(const struct vcpu *v, const struct sse_event *e)
{
    return e->vcpu == v && (e->attr[SSE_STATUS] & SSE_STATE) == SSE_RUNNING;
}

/*
 * Whose the global event is: that of the vCPU that the guest has named, as long as this is not
 * stopped, masked or not; else the first that takes events.
 */
static struct vcpu *taker(const struct vm *vm)
{
    const struct sse_event *e = &vm->sse.global;
    struct vcpu *v = vm->vcpus[e->attr[SSE_HART]];

    if (e->named && atomic_load_explicit(&v->state, memory_order_relaxed) != VCPU_STOPPED) {
        return v;
    }
    for (uint32_t i = 0; !v->sse.unmasked && i < vm->vcpu_count; i++) {
        v = vm->vcpus[i];
    }
    return v;
}

/*
 * That hart takes the request (acquire, pairs with the release in vcpu_request()), then the lock,
 * which is ours until the change is made: it sees it. That it comes by at all is argued in
 * core/hart.h. A global event that nobody takes waits for the next vCPU that unmasks.
 */
void sse_changed(struct vcpu *v)
{
    struct sse_event *global = &v->vm->sse.global;

    if (global->attr[SSE_STATUS] == DUE) {
        global->vcpu = taker(v->vm);
        vcpu_request(global->vcpu, VCPU_REQ_SSE);
    }
    vcpu_request(v, VCPU_REQ_SSE);
}

static bool waits(const struct vcpu *v, const struct sse_event *e)
{
    return e->vcpu == v && e->attr[SSE_STATUS] == DUE;
}

/* Of v's events that run, and of those that wait if waiting, the one that goes first; or NULL. */
static struct sse_event *first(struct vcpu *v, bool waiting)
{
    struct sse_event *best = NULL;

    for (uint32_t i = 0; i <= SSE_LOCALS; i++) {
        struct sse_event *e = i < SSE_LOCALS ? &v->sse.local[i] : &v->vm->sse.global;

        if ((sse_runs(v, e) || (waiting && waits(v, e))) &&
            (best == NULL || e->attr[SSE_PRIORITY] < best->attr[SSE_PRIORITY])) {
            best = e;
        }
    }
    return best;
}

/* The event that v takes now, or NULL. One that runs keeps out what comes after it. */
static struct sse_event *due(struct vcpu *v)
{
    struct sse_event *e = v->sse.unmasked ? first(v, true) : NULL;

    return e != NULL && waits(v, e) ? e : NULL;
}

static void finish(struct sse_event *e)
{
    uint64_t pending = e->attr[SSE_STATUS] & SSE_PENDING;

    e->attr[SSE_STATUS] =
        pending | ((e->attr[SSE_CONFIG] & SSE_ONESHOT) != 0 ? SSE_REGISTERED : SSE_ENABLED);
}

static void reset(struct vcpu *v)
{
    memset(&v->sse, 0, sizeof(v->sse));
    for (uint32_t i = 0; i < SSE_LOCALS; i++) {
        v->sse.local[i].vcpu = v;
        v->sse.local[i].attr[SSE_HART] = v->index;
    }
}

void sse_reset_vm(struct vm *vm)
{
    memset(&vm->sse.global, 0, sizeof(vm->sse.global));
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        reset(vm->vcpus[i]);
    }
}

void sse_reset(struct vcpu *v)
{
    spin_lock(&v->vm->sse.lock);
    reset(v);
    spin_unlock(&v->vm->sse.lock);
}

void sse_leave(struct vcpu *v)
{
    struct sse_vm *sse = &v->vm->sse;

    spin_lock(&sse->lock);
    v->sse.unmasked = false;
    if (sse_runs(v, &sse->global)) {
        finish(&sse->global);
    }
    sse_changed(v);
    spin_unlock(&sse->lock);
}

bool sse_take(struct vcpu *v, bool enter)
{
    struct sse_event *e;

    spin_lock(&v->vm->sse.lock);
    e = due(v);
    if (e != NULL && enter) {
        e->attr[SSE_STATUS] = SSE_RUNNING;
        arch_vcpu_event_enter(v, e->attr[SSE_ENTRY_PC], e->attr[SSE_ENTRY_ARG],
                              &e->attr[SSE_INTERRUPTED]);
    }
    spin_unlock(&v->vm->sse.lock);
    return e != NULL;
}

bool sse_raise(struct vcpu *v, enum sse_local which)
{
    bool taken;

    spin_lock(&v->vm->sse.lock);
    v->sse.local[which].attr[SSE_STATUS] |= SSE_PENDING;
    sse_changed(v);
    taken = due(v) != NULL;
    spin_unlock(&v->vm->sse.lock);
    return taken;
}

bool sse_complete(struct vcpu *v)
{
    struct sse_event *e = first(v, false);

    if (e == NULL) {
        return false;
    }
    arch_vcpu_event_leave(v, &e->attr[SSE_INTERRUPTED]);
    finish(e);
    sse_changed(v);
    return true;
}
