/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PMU: event counters of the calling vCPU. Its counters are Curia's own (SBI's firmware counters),
 * then those of the hart that can be kept to the guest. A set of them that is empty, or names one
 * that is not there, is INVALID_PARAM; then, as with any other bad parameter, nothing has changed.
 * [SBI 3.0 §11]
 */
#include "core/vm.h"
#include "sbi/sbi.h"

#define FW_COUNTERS   ((1ull << PMU_COUNTERS) - 1)
#define FW_INFO       (1ull << 63 | 63u << 12) /* firmware; 64 bits wide */
#define EVENT_BITS    20
#define EVENT_ENTRIES 64u /* told of in a call, as the firmware may be asked twice for each */

/* The highest flags of a call by its FID; the two of START exclude each other. */
static const uint8_t flags_max[] = {
    [SBI_PMU_CONFIG_MATCHING] = 0xff,
    [SBI_PMU_COUNTER_START] = SBI_PMU_START_INIT_SNAPSHOT,
    [SBI_PMU_COUNTER_STOP] = SBI_PMU_STOP_RESET | SBI_PMU_STOP_TAKE_SNAPSHOT,
};

#define SNAPSHOT SBI_PMU_START_INIT_SNAPSHOT

_Static_assert(SNAPSHOT == SBI_PMU_STOP_TAKE_SNAPSHOT, "either call's flag");

/* In the guest's memory. */
struct event_entry {
    uint32_t event;
    uint32_t output;
    uint64_t data;
};

_Static_assert(SBI_PMU_FW_SFENCE_VMA_ASID_RECEIVED - SBI_PMU_FW_ACCESS_LOAD ==
                   PMU_FENCE_ASID_RECEIVED,
               "Curia's events are SBI's, in SBI's order");

static bool has(uint64_t set, uint64_t i)
{
    return (set >> i & 1) != 0;
}

static uint64_t all_counters(void)
{
    return (1ull << (PMU_COUNTERS + arch_pmu_counters())) - 1;
}

/* The event that Curia counts; PMU_EVENTS: it is none of those. */
static enum pmu_event fw_event(uint64_t event, uint64_t data)
{
    uint64_t i = event - SBI_PMU_EVENT(SBI_PMU_TYPE_FW, SBI_PMU_FW_ACCESS_LOAD);

    return data == 0 && i < PMU_EVENTS ? (enum pmu_event)i : PMU_EVENTS;
}

/* Sets up one of the hart's counters in set, none of which is configured; its number in *i. */
static bool config_hart(struct vcpu *v, uint64_t set, uint64_t flags, uint64_t event, uint64_t data,
                        uint64_t *i)
{
    set >>= PMU_COUNTERS;
    if (set == 0 || event >> 16 > SBI_PMU_TYPE_RAW_V2 ||
        arch_pmu_config(v, set, flags, event, data, i) != ERR_OK) {
        return false;
    }
    *i += PMU_COUNTERS;
    return true;
}

/* False: some did not run. */
static bool stop_all(struct vcpu *v, uint64_t set, bool reset)
{
    struct pmu *p = &v->pmu;
    bool ran = (set & ~p->started) == 0;

    for (uint64_t i = PMU_COUNTERS; set >> i != 0; i++) {
        if (has(set & p->configured, i)) {
            arch_pmu_stop(i - PMU_COUNTERS, reset);
        }
    }
    p->started &= ~set;
    if (reset) {
        p->configured &= ~set;
    }
    pmu_update(v);
    return ran;
}

/*
 * One that is configured is taken, whether it runs or not, until it is stopped with RESET; but not
 * to who skips the match and so names it.
 */
static int64_t config(struct vcpu *v, uint64_t set, const uint64_t a[6], uint64_t *number)
{
    struct pmu *p = &v->pmu;
    enum pmu_event fw = fw_event(a[3], a[4]);
    uint64_t i = 0;

    set = (a[2] & SBI_PMU_CFG_SKIP_MATCH) != 0 ? set & -set : set & ~p->configured;
    if (fw == PMU_EVENTS) {
        /* The firmware takes it for taken until it is told otherwise. */
        (void)stop_all(v, set & p->configured & ~FW_COUNTERS, true);
        if (!config_hart(v, set, a[2], a[3], a[4], &i)) {
            return SBI_ERR_NOT_SUPPORTED;
        }
    } else {
        if ((set & FW_COUNTERS) == 0) {
            return SBI_ERR_NOT_SUPPORTED;
        }
        while (!has(set, i)) {
            i++;
        }
        p->event[i] = (uint8_t)fw;
        if ((a[2] & SBI_PMU_CFG_CLEAR_VALUE) != 0) {
            p->value[i] = 0;
        }
    }
    p->configured |= 1ull << i;
    if ((a[2] & SBI_PMU_CFG_AUTO_START) != 0) {
        p->started |= 1ull << i;
        pmu_update(v);
    }
    *number = i;
    return SBI_SUCCESS;
}

/*
 * Word k of the snapshot: 0 tells of overflows, the values follow. The page was checked when it was
 * set, and maps are constant.
 */
static void snapshot_word(struct vcpu *v, uint64_t k, uint64_t *word, bool save)
{
    gpa_t at = gpa_add(v->pmu.snapshot, k * sizeof(*word));
    enum err e = save ? guest_write(v->vm, at, word, sizeof(*word))
                      : guest_read(v->vm, word, at, sizeof(*word));

    (void)e;
}

/* Those that run already run on, the others are started. */
static int64_t start(struct vcpu *v, uint64_t set, const uint64_t a[6])
{
    struct pmu *p = &v->pmu;
    uint64_t running = set & p->started;

    if ((set & ~p->configured) != 0) {
        return SBI_ERR_INVALID_PARAM;
    }
    set -= running;
    p->started |= set;
    for (uint64_t i = 0; set != 0; i++, set >>= 1) {
        uint64_t value = a[3];

        if ((set & 1) == 0) {
            continue;
        }
        if ((a[2] & SNAPSHOT) != 0) {
            snapshot_word(v, 1 + i - a[0], &value, false);
        }
        if (i >= PMU_COUNTERS) {
            arch_pmu_start(i - PMU_COUNTERS, a[2] != 0 ? &value : NULL);
        } else if (a[2] != 0) {
            p->value[i] = value;
        }
    }
    pmu_update(v);
    return running != 0 ? SBI_ERR_ALREADY_STARTED : SBI_SUCCESS;
}

/*
 * The hart's counters stand still in Curia, so this is what they will have stopped at; and which
 * of the set have overflowed.
 */
static void save(struct vcpu *v, uint64_t set, uint64_t base)
{
    struct pmu *p = &v->pmu;
    uint64_t value = (arch_pmu_overflows() << PMU_COUNTERS & set & p->configured) >> base;

    snapshot_word(v, 0, &value, true);
    for (uint64_t i = 0; set != 0; i++, set >>= 1) {
        if ((set & 1) != 0) {
            value = 0;
            if (i < PMU_COUNTERS) {
                value = p->value[i];
            } else if (has(p->configured, i)) {
                value = arch_pmu_read(i - PMU_COUNTERS);
            }
            snapshot_word(v, 1 + i - base, &value, true);
        }
    }
}

/* All are saved and reset as the flags say, those too that did not run. */
static int64_t stop(struct vcpu *v, uint64_t set, const uint64_t a[6])
{
    if ((a[2] & SNAPSHOT) != 0) {
        save(v, set, a[0]);
    }
    return stop_all(v, set, (a[2] & SBI_PMU_STOP_RESET) != 0) ? SBI_SUCCESS
                                                              : SBI_ERR_ALREADY_STOPPED;
}

static int64_t set_snapshot(struct vcpu *v, const uint64_t a[6])
{
    bool on;
    int64_t error = sbi_shmem(v, a, PAGE_SIZE, PAGE_SIZE, &on);

    if (error == SBI_SUCCESS) {
        v->pmu.snapshot = gpa(a[0]);
        v->pmu.has_snapshot = on;
    }
    return error;
}

/*
 * Whether a counter of the hart can count it is known by trying, which needs a free one: false if
 * there is none. An entry of the first two types has no data.
 */
static bool tell_event(struct vcpu *v, struct event_entry *entry)
{
    uint64_t unused = all_counters() & ~(v->pmu.configured | FW_COUNTERS);
    uint64_t data = entry->event >> 17 == 0 ? 0 : entry->data;

    entry->output = fw_event(entry->event, data) != PMU_EVENTS ? 1 : 0;
    if (unused != 0 && entry->event >> 16 <= SBI_PMU_TYPE_RAW_V2 &&
        arch_pmu_can_count(unused >> PMU_COUNTERS, entry->event, data)) {
        entry->output = 1;
    }
    return unused != 0 || arch_pmu_counters() == 0 || entry->event >> 16 > SBI_PMU_TYPE_RAW_V2;
}

static int64_t event_info(struct vcpu *v, const uint64_t a[6])
{
    struct event_entry entry;

    if (a[3] != 0 || !is_aligned(a[0], sizeof(entry))) {
        return SBI_ERR_INVALID_PARAM;
    }
    if (a[2] > EVENT_ENTRIES) {
        return SBI_ERR_FAILED;
    }
    if (a[2] != 0 && (a[1] != 0 || !memmap_is_ram(&v->vm->map, gpa(a[0]), a[2] * sizeof(entry)))) {
        return SBI_ERR_INVALID_ADDRESS;
    }
    for (uint64_t k = 0; k < a[2]; k++) {
        gpa_t at = gpa(a[0] + k * sizeof(entry));

        if (guest_read(v->vm, &entry, at, sizeof(entry)) != ERR_OK) {
            return SBI_ERR_FAILED;
        }
        if (entry.event >> EVENT_BITS != 0) {
            return SBI_ERR_INVALID_PARAM;
        }
        if (!tell_event(v, &entry) ||
            guest_write(v->vm, gpa_add(at, offsetof(struct event_entry, output)), &entry.output,
                        sizeof(entry.output)) != ERR_OK) {
            return SBI_ERR_FAILED;
        }
    }
    return SBI_SUCCESS;
}

/* A call for a set of counters; *value is 0, or what it answers. */
static int64_t for_set(struct vcpu *v, uint64_t fid, const uint64_t a[6], uint64_t *value)
{
    uint64_t set = a[0] < 64 && (a[1] & ~(all_counters() >> a[0])) == 0 ? a[1] << a[0] : 0;

    if (set == 0 || a[2] > flags_max[fid]) {
        return SBI_ERR_INVALID_PARAM;
    }
    if (fid == SBI_PMU_CONFIG_MATCHING) {
        return config(v, set, a, value);
    }
    if ((a[2] & SNAPSHOT) != 0 && !v->pmu.has_snapshot) {
        return SBI_ERR_NO_SHMEM;
    }
    return fid == SBI_PMU_COUNTER_START ? start(v, set, a) : stop(v, set, a);
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    bool fw = a[0] < PMU_COUNTERS;
    int64_t error = SBI_SUCCESS;
    uint64_t value = 0;

    pmu_collect(v);
    switch (fid) {
    case SBI_PMU_NUM_COUNTERS:
        value = PMU_COUNTERS + arch_pmu_counters();
        break;
    case SBI_PMU_COUNTER_GET_INFO:
        if (fw) {
            value = FW_INFO;
        } else if (a[0] - PMU_COUNTERS < arch_pmu_counters()) {
            value = arch_pmu_info(a[0] - PMU_COUNTERS);
        } else {
            error = SBI_ERR_INVALID_PARAM;
        }
        break;
    case SBI_PMU_CONFIG_MATCHING:
    case SBI_PMU_COUNTER_START:
    case SBI_PMU_COUNTER_STOP:
        error = for_set(v, fid, a, &value);
        break;
    case SBI_PMU_COUNTER_FW_READ:
    case SBI_PMU_COUNTER_FW_READ_HI: /* for RV32 */
        if (!fw) {
            error = SBI_ERR_INVALID_PARAM;
        } else if (fid == SBI_PMU_COUNTER_FW_READ) {
            value = v->pmu.value[a[0]];
        }
        break;
    case SBI_PMU_SNAPSHOT_SET_SHMEM:
        error = set_snapshot(v, a);
        break;
    case SBI_PMU_EVENT_GET_INFO:
        error = event_info(v, a);
        break;
    default:
        error = SBI_ERR_NOT_SUPPORTED;
        break;
    }
    return error == SBI_SUCCESS ? sbi_ok(value) : sbi_err(error);
}

const struct sbi_ext sbi_ext_pmu = {SBI_EXT_PMU, handle, NULL};
