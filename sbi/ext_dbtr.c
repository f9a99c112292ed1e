/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DBTR: debug triggers of the calling vCPU, which are those of its hart for as long as it is there.
 * They are of type mcontrol6 and compare an address for equality; the modes that a guest names are
 * its own. A call that fails changes nothing. [SBI 3.0, Debug Triggers Extension]
 */
#include "core/vm.h"
#include "sbi/sbi.h"

#define TYPE_MCONTROL6 (SBI_DBTR_MCONTROL6 >> SBI_DBTR_TYPE_SHIFT)
#define MODES          (SBI_DBTR_S | SBI_DBTR_U)
#define STATE_SHIFT    2 /* from the modes in tdata1 to those in the state */
#define SIZE           SBI_DBTR_SIZE(7)
#define OFFERED                                                                                    \
    (SBI_DBTR_MCONTROL6 | SIZE | MODES | SBI_DBTR_EXECUTE | SBI_DBTR_STORE | SBI_DBTR_LOAD)
#define ZERO (0x07fffffff8180000 | SBI_DBTR_DMODE | SBI_DBTR_M) /* in mcontrol6, or by SBI */

#define SIZES    0x2fu   /* bit i: size i is offered */
#define RESERVED 0x8f01u /* bit i: type i is reserved, or says that there is no trigger */

_Static_assert(MODES >> STATE_SHIFT == (SBI_DBTR_STATE_S | SBI_DBTR_STATE_U), "the same order");

/* In the guest's memory. */
struct entry {
    uint64_t word; /* state, or number */
    uint64_t tdata1, tdata2, tdata3;
};

static bool has(uint64_t set, uint64_t i)
{
    return (set >> i & 1) != 0;
}

/*
 * Can it be installed? Optional bits that Curia does not offer are NOT_SUPPORTED; so are vs and vu,
 * which a hart without H does not have.
 */
static int64_t check(uint64_t tdata1, uint64_t tdata3, bool last)
{
    uint64_t type = tdata1 >> SBI_DBTR_TYPE_SHIFT;

    if (type != TYPE_MCONTROL6) {
        return has(RESERVED, type) || (tdata1 & SBI_DBTR_DMODE) != 0 ? SBI_ERR_INVALID_PARAM
                                                                     : SBI_ERR_FAILED;
    }
    if ((tdata1 & ZERO) != 0 || (last && (tdata1 & SBI_DBTR_CHAIN) != 0)) {
        return SBI_ERR_INVALID_PARAM;
    }
    if ((tdata1 & ~OFFERED) != 0 || !has(SIZES, (tdata1 & SIZE) / SBI_DBTR_SIZE(1)) ||
        tdata3 != 0) {
        return SBI_ERR_NOT_SUPPORTED;
    }
    return SBI_SUCCESS;
}

static int64_t set_shmem(struct vcpu *v, const uint64_t a[6])
{
    bool on;
    int64_t error =
        sbi_shmem(v, a, arch_dbtr_triggers() * sizeof(struct entry), sizeof(uint64_t), &on);

    if (error == SBI_SUCCESS) {
        v->dbtr.shmem = gpa(a[0]);
        v->dbtr.has_shmem = on;
    }
    return error;
}

static int64_t tell(struct vcpu *v, uint64_t base, uint64_t count)
{
    const struct dbtr *d = &v->dbtr;
    struct entry entries[DBTR_TRIGGERS] = {0};
    uint64_t max = arch_dbtr_triggers();

    if (base >= max || count >= max - base) {
        return SBI_ERR_BAD_RANGE;
    }
    for (uint64_t i = base; i < base + count; i++) {
        if (has(d->mapped, i)) {
            entries[i - base] = (struct entry){
                SBI_DBTR_STATE_MAPPED | d->modes[i],
                d->tdata1[i],
                d->tdata2[i],
                0,
            };
        }
    }
    return sbi_from(guest_write(v->vm, d->shmem, entries, count * sizeof(entries[0]))).error;
}

/* The lowest that is unused; DBTR_TRIGGERS or above: there is none. */
static uint64_t unused(const struct dbtr *d)
{
    uint64_t i = 0;

    while (has(d->mapped, i)) {
        i++;
    }
    return i < arch_dbtr_triggers() ? i : DBTR_TRIGGERS;
}

/* Takes an entry over, to the trigger that it names or gets the number of. */
static int64_t take(struct dbtr *d, struct entry *e, bool update, bool last)
{
    int64_t error;

    if (update && e->word >= arch_dbtr_triggers()) {
        return SBI_ERR_INVALID_PARAM;
    }
    if (update && !has(d->mapped, e->word)) {
        return SBI_ERR_FAILED;
    }
    error = check(e->tdata1, e->tdata3, last);
    if (error != SBI_SUCCESS) {
        return error;
    }
    e->word = update ? e->word : unused(d);
    if (e->word == DBTR_TRIGGERS) {
        return SBI_ERR_FAILED;
    }
    d->tdata1[e->word] = e->tdata1;
    d->tdata2[e->word] = e->tdata2;
    d->modes[e->word] = (uint8_t)((e->tdata1 & MODES) >> STATE_SHIFT);
    d->mapped |= (uint8_t)(1u << e->word);
    return SBI_SUCCESS;
}

/* Install, or update: the entries in turn, and then the hart; or all is again as it was. */
static int64_t set(struct vcpu *v, uint64_t count, bool update, uint64_t *failing)
{
    struct dbtr before;
    struct entry entries[DBTR_TRIGGERS];
    int64_t error = SBI_SUCCESS;
    uint64_t k;

    if (count >= arch_dbtr_triggers()) {
        return SBI_ERR_BAD_RANGE;
    }
    before = v->dbtr;
    if (guest_read(v->vm, entries, before.shmem, count * sizeof(entries[0])) != ERR_OK) {
        return SBI_ERR_FAILED;
    }
    for (k = 0; k < count && error == SBI_SUCCESS; k++) {
        error = take(&v->dbtr, &entries[k], update, k + 1 == count);
    }
    if (error == SBI_SUCCESS && arch_dbtr_sync(v) != ERR_OK) {
        error = SBI_ERR_FAILED;
        for (k = 1; k < count && has(v->dbtr.mapped, entries[k - 1].word); k++) {
        }
    }
    if (error != SBI_SUCCESS) {
        *failing = k - 1;
        v->dbtr = before;
        (void)!arch_dbtr_sync(v);
        return error;
    }
    for (k = 0; k < count && !update; k++) {
        /* The memory was checked when it was set, and maps are constant. */
        (void)!guest_write(v->vm, gpa_add(before.shmem, k * sizeof(entries[0])), &entries[k].word,
                           sizeof(entries[k].word));
    }
    return SBI_SUCCESS;
}

/* Uninstall, enable, disable: bit i of mask is trigger base + i. */
static int64_t change(struct vcpu *v, uint64_t fid, uint64_t base, uint64_t mask)
{
    struct dbtr *d = &v->dbtr;

    if (mask == 0) {
        return SBI_SUCCESS;
    }
    if (base >= DBTR_TRIGGERS || mask >> (DBTR_TRIGGERS - base) != 0 ||
        ((mask << base) & ~(uint64_t)d->mapped) != 0) {
        return SBI_ERR_INVALID_PARAM;
    }
    for (uint64_t i = base; mask != 0; i++, mask >>= 1) {
        if ((mask & 1) == 0) {
            continue;
        }
        d->tdata1[i] &= ~MODES;
        if (fid == SBI_DBTR_ENABLE) {
            d->tdata1[i] |= (uint64_t)d->modes[i] << STATE_SHIFT;
        } else if (fid == SBI_DBTR_UNINSTALL) {
            d->mapped &= (uint8_t) ~(1u << i);
        }
    }
    return sbi_from(arch_dbtr_sync(v)).error;
}

/* *value is 0, or what it answers. */
static int64_t call(struct vcpu *v, uint64_t fid, const uint64_t a[6], uint64_t *value)
{
    switch (fid) {
    case SBI_DBTR_NUM_TRIGGERS:
        if (a[0] == 0 || check(a[0], 0, false) == SBI_SUCCESS) {
            *value = arch_dbtr_triggers();
        }
        return SBI_SUCCESS;
    case SBI_DBTR_SET_SHMEM:
        return set_shmem(v, a);
    case SBI_DBTR_READ:
    case SBI_DBTR_INSTALL:
    case SBI_DBTR_UPDATE:
        if (!v->dbtr.has_shmem) {
            return SBI_ERR_NO_SHMEM;
        }
        return fid == SBI_DBTR_READ ? tell(v, a[0], a[1])
                                    : set(v, a[0], fid == SBI_DBTR_UPDATE, value);
    case SBI_DBTR_UNINSTALL:
    case SBI_DBTR_ENABLE:
    case SBI_DBTR_DISABLE:
        return change(v, fid, a[0], a[1]);
    default:
        return SBI_ERR_NOT_SUPPORTED;
    }
}

/* An error of install and update comes with the number of the entry that it is about. */
static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    struct sbi_ret r = sbi_ok(0);

    r.error = call(v, fid, a, &r.value);
    return r;
}

static bool probe(const struct vcpu *v)
{
    (void)v;
    return arch_dbtr_triggers() != 0;
}

const struct sbi_ext sbi_ext_dbtr = {SBI_EXT_DBTR, handle, probe};
