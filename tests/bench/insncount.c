/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A QEMU TCG plugin that counts instructions of each hart by whose they are: firmware, hypervisor
 * or guest (natively: firmware or kernel), and the entries into the hypervisor's trap vector. The
 * guest says between which points by marker instructions, `slti x0, x0, N`, N from 2 to 2047; each
 * writes a line with the counters of its hart, as they are, and as they were behind the last wfi
 * that the hypervisor or the guest executed on it: where it has waited; and with the sums over all
 * harts, which mean something where the others do what repeats, or nothing.
 *
 * Told beside them is what hypervisor and firmware "spun": whole rounds of a loop that waits for
 * another hart. How many there are is the host's matter, not the system's. In the hypervisor each
 * `pause` stands for one; the firmware has none, its are those of a loop that has gone round the
 * same way many times. A `pause` of the hypervisor or the guest lets the host run another
 * hart.
 *
 * Whose an instruction is, its place in the machine's memory tells: the firmware lies at the start
 * of RAM, the hypervisor in the range of its image; all else is guest. That holds before and after
 * translation is turned on, and whatever guest addresses are. It is checked all the same: the
 * hypervisor is entered from the guest through its trap vector only, and left for it by sret only.
 * A jump of another kind is counted as stray.
 *
 * Arguments: out=FILE; fw=SIZE of the firmware; hyp=START+SIZE, vector=ADDRESS and look=ADDRESS
 * (not natively): the hypervisor, its trap vector, and the function by which it looks for the
 * interrupts that have come; all hexadecimal. profile=FILE: how many instructions of each
 * hypervisor block ran on harts before their first guest instruction, and how many from there to
 * the first marker;
 * trace=all: what the hypervisor ran on any hart between two markers, in the fourth window of each
 * begin; trace=boot: and on harts before their first guest instruction, told as row 0; exits=all: a
 * line for each entry into the trap vector. Each hart also tells its counters at its first
 * instruction of a guest, and at the first below RAM's start, where only programs of the guest's
 * kernel lie.
 *
 * Counters are inline operations on a scoreboard, one slot a vCPU. out, the list of blocks and the
 * addresses learned are under `lock`; struct vcpu_state belongs to its vCPU's thread.
 */
#include "tests/bench/qemu_plugin.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int qemu_plugin_version = 4;

/* ---- state ----------------------------------------------------------------------------------- */

#define RAM_START 0x80000000u /* of QEMU's virt machine, its firmware there */

#define INSN_SRET      0x10200073u
#define INSN_WFI       0x10500073u
#define INSN_PAUSE     0x0100000fu
#define MARKER_MASK    0x000fffffu /* slti, rs1 = x0, rd = x0 */
#define MARKER         0x00002013u
#define MARKER_N(insn) ((insn) >> 20) /* 12 bits, taken as unsigned */
#define VCPUS          64u
#define ROWS           (2048u / 2) /* windows by their first marker */
/* As markers' numbers, which no instruction has: the first block of that side. */
#define FIRST_GUEST_BLOCK      0u
#define FIRST_HYPERVISOR_BLOCK 1u
#define TRACED_WINDOW          4u
#define SPIN_MAX               64u /* instructions of a round that waits */
#define LOOPS                  64u /* that wait, of the hypervisor */
#define FIRMWARE_SPIN_MAX      512u
#define FIRMWARE_SPINS         64u /* rounds from which on it is taken for one */

/* Of a profile: until a hart's first guest instruction, until the first marker of all. */
enum phase { TO_GUEST, TO_MARKER, PHASES };

enum side { FIRMWARE, HYPERVISOR, GUEST, SIDES };

struct counters {
    uint64_t insns[SIDES];
    uint64_t entries;
    uint64_t spun[GUEST]; /* of the instructions */
};

/* A translated block. */
struct block {
    struct block *next;
    uint64_t vaddr, end; /* of the first and the last instruction */
    uint32_t insns;
    enum side side;
    bool ends_in_sret;
    uint64_t runs[PHASES]; /* atomic */
};

/* A loop of the hypervisor that waits: the instruction before its pause's block, and how long a
 * round is. */
struct loop {
    uint64_t site, round;
};

/* What a hart's guest has reached. */
enum reached { NOTHING, GUEST_ENTERED, PROGRAM_ENTERED };

/* What an exit is told by. */
enum reg { REG_SCAUSE, REG_STVAL, REG_HTVAL, REG_A7, REG_A6, REGS };

struct vcpu_state {
    const struct block *last, *before; /* that ran */
    struct counters at_wfi;
    uint64_t entered;      /* the hypervisor's instructions as it was last entered, or has looked */
    uint64_t stay;         /* most of them until it was left, or looked, since the last marker */
    uint8_t windows[ROWS]; /* that have begun, while traced */
    uint32_t tracing;      /* the open one's row, 0: none; any vCPU reads and ends it, atomic */
    enum reached reached;
    uint64_t paused_at;   /* the hypervisor's instructions at its last pause, */
    uint64_t round, site; /* and from the one before to that, and where it was called from */
    struct {
        const struct block *begin;  /* a block of the loop that it may be in, */
        uint64_t at, round, rounds; /* when it last ran, how long one is, how many of that length */
    } loop;                         /* the firmware's */
    struct qemu_plugin_register *regs[REGS];
    struct array *bytes; /* of a register */
};

static struct {
    pthread_mutex_t lock;
    FILE *out;
    const char *profile_path;
    uint64_t fw_size, hyp_start, hyp_size, vector, look;
    bool trace, trace_boot, exits;
    const char *ram; /* where QEMU has RAM_START */
    struct qemu_plugin_scoreboard *score;
    struct block *blocks;
    struct vcpu_state vcpus[VCPUS];
    struct loop loops[LOOPS];
    bool ran[SIDES], marked; /* written and read by any vCPU, atomic: these, */
    uint32_t traces;         /* and how many windows are traced now */
    uint64_t strays;
} count = {.lock = PTHREAD_MUTEX_INITIALIZER};

static qemu_plugin_u64 counter(size_t offset)
{
    return (qemu_plugin_u64){count.score, offset};
}

static qemu_plugin_u64 insns_of(enum side side)
{
    return counter(offsetof(struct counters, insns) + side * sizeof(uint64_t));
}

static qemu_plugin_u64 spun_of(enum side side)
{
    return counter(offsetof(struct counters, spun) + side * sizeof(uint64_t));
}

static qemu_plugin_u64 entries(void)
{
    return counter(offsetof(struct counters, entries));
}

static struct counters counters_of_all(void)
{
    struct counters c = {.entries = qemu_plugin_u64_sum(entries())};

    for (uint32_t side = 0; side < SIDES; side++) {
        c.insns[side] = qemu_plugin_u64_sum(insns_of(side));
    }
    for (uint32_t side = 0; side < GUEST; side++) {
        c.spun[side] = qemu_plugin_u64_sum(spun_of(side));
    }
    return c;
}

static struct counters counters_of(unsigned int vcpu)
{
    struct counters c = {.entries = qemu_plugin_u64_get(entries(), vcpu)};

    for (uint32_t side = 0; side < SIDES; side++) {
        c.insns[side] = qemu_plugin_u64_get(insns_of(side), vcpu);
    }
    for (uint32_t side = 0; side < GUEST; side++) {
        c.spun[side] = qemu_plugin_u64_get(spun_of(side), vcpu);
    }
    return c;
}

static void write_counters(const struct counters *c)
{
    fprintf(count.out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
            c->insns[FIRMWARE], c->insns[HYPERVISOR], c->insns[GUEST], c->entries,
            c->spun[FIRMWARE], c->spun[HYPERVISOR]);
}

/* The line of a marker: hart, number, then firmware, hypervisor, guest, entries, spun by firmware
 * and hypervisor: now, as of the last wfi, and of all harts; then the longest stay of the hart in
 * the hypervisor without a look, since the marker before, without spinning. */
static void write_marker(unsigned int vcpu, uint32_t n)
{
    struct counters now = counters_of(vcpu);
    struct counters all = counters_of_all();

    pthread_mutex_lock(&count.lock);
    fprintf(count.out, "m %u %u", vcpu, n);
    write_counters(&now);
    write_counters(&count.vcpus[vcpu].at_wfi);
    write_counters(&all);
    fprintf(count.out, " %" PRIu64 "\n", count.vcpus[vcpu].stay);
    pthread_mutex_unlock(&count.lock);
    count.vcpus[vcpu].stay = 0;
}

/* The line of what a hart's guest has reached: hart, what, counters. */
static void write_reached(unsigned int vcpu, enum reached reached)
{
    struct counters now = counters_of(vcpu);

    pthread_mutex_lock(&count.lock);
    fprintf(count.out, "g %u %u", vcpu, reached);
    write_counters(&now);
    fprintf(count.out, "\n");
    pthread_mutex_unlock(&count.lock);
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void set_tracing(struct vcpu_state *v, uint32_t row)
{
    uint32_t before = __atomic_exchange_n(&v->tracing, row, __ATOMIC_RELAXED);

    __atomic_fetch_add(&count.traces, (row != 0) - (before != 0), __ATOMIC_RELAXED);
}

/* A window may end on another vCPU than it has begun on. */
static void end_trace(uint32_t row)
{
    for (uint32_t i = 0; i < VCPUS; i++) {
        if (__atomic_load_n(&count.vcpus[i].tracing, __ATOMIC_RELAXED) == row) {
            set_tracing(&count.vcpus[i], 0);
        }
    }
}

static void on_marker(unsigned int vcpu, void *userdata)
{
    uint32_t n = (uint32_t)(uintptr_t)userdata;
    struct vcpu_state *v = &count.vcpus[vcpu];

    __atomic_store_n(&count.marked, true, __ATOMIC_RELAXED);
    write_marker(vcpu, n);
    if (!count.trace) {
        return;
    }
    if (n % 2 != 0) {
        end_trace(n / 2);
    } else if (v->windows[n / 2] < TRACED_WINDOW) {
        set_tracing(v, ++v->windows[n / 2] == TRACED_WINDOW ? n / 2 : 0);
    }
}

/* A block of the hypervisor: row, whether its window began on this vCPU, vCPU, address, size. */
static void write_block(uint32_t row, bool own, unsigned int vcpu, const struct block *b)
{
    fprintf(count.out, "t %u %u %u %" PRIx64 " %u\n", row, own, vcpu, b->vaddr, b->insns);
}

/* For each window that is traced. */
static void write_trace(unsigned int vcpu, const struct block *b)
{
    pthread_mutex_lock(&count.lock);
    for (uint32_t i = 0; i < VCPUS; i++) {
        uint32_t row = __atomic_load_n(&count.vcpus[i].tracing, __ATOMIC_RELAXED);

        if (row != 0) {
            write_block(row, i == vcpu, vcpu, b);
        }
    }
    pthread_mutex_unlock(&count.lock);
}

static void count_boot(unsigned int vcpu, struct block *b)
{
    enum phase phase = count.vcpus[vcpu].reached == NOTHING ? TO_GUEST : TO_MARKER;

    __atomic_fetch_add(&b->runs[phase], 1, __ATOMIC_RELAXED);
    if (phase == TO_GUEST && count.trace_boot) {
        pthread_mutex_lock(&count.lock);
        write_block(0, true, vcpu, b);
        pthread_mutex_unlock(&count.lock);
    }
}

static void on_pause(unsigned int vcpu, void *unused)
{
    (void)vcpu;
    (void)unused;
    (void)sched_yield();
}

/* A pause's loop is known by where it was called from. Its length is what has been seen twice in a
 * row; from then on each pause stands for a round. */
static uint64_t round_of(const struct vcpu_state *v, uint64_t site, uint64_t round)
{
    for (uint32_t i = 0; i < LOOPS; i++) {
        struct loop *l = &count.loops[i];

        if (l->site == 0 && site == v->site && round == v->round && round < SPIN_MAX) {
            *l = (struct loop){site, round};
        }
        if (l->site == site || l->site == 0) {
            return l->round;
        }
    }
    return 0;
}

static void on_hypervisor_pause(unsigned int vcpu, void *unused)
{
    struct vcpu_state *v = &count.vcpus[vcpu];
    uint64_t now = qemu_plugin_u64_get(insns_of(HYPERVISOR), vcpu);
    uint64_t site = v->before != NULL ? v->before->end : 0;
    uint64_t round = now - v->paused_at;

    pthread_mutex_lock(&count.lock);
    qemu_plugin_u64_add(spun_of(HYPERVISOR), vcpu, round_of(v, site, round));
    pthread_mutex_unlock(&count.lock);
    v->site = site;
    v->round = round;
    v->paused_at = now;
    on_pause(vcpu, unused);
}

/* A block of the firmware is about to run. */
static void watch_loop(unsigned int vcpu, const struct block *b)
{
    struct vcpu_state *v = &count.vcpus[vcpu];
    uint64_t now = qemu_plugin_u64_get(insns_of(FIRMWARE), vcpu);
    uint64_t round = now - v->loop.at;

    if (v->last->side != FIRMWARE || (b != v->loop.begin && round > FIRMWARE_SPIN_MAX)) {
        v->loop.begin = b;
        v->loop.rounds = 0;
    } else if (b == v->loop.begin) {
        v->loop.rounds = round == v->loop.round ? v->loop.rounds + 1 : 0;
        v->loop.round = round;
    } else {
        return;
    }
    v->loop.at = now;
    if (v->loop.rounds >= FIRMWARE_SPINS) {
        qemu_plugin_u64_add(spun_of(FIRMWARE), vcpu,
                            v->loop.rounds == FIRMWARE_SPINS ? FIRMWARE_SPINS * round : round);
    }
}

static uint64_t read_reg(struct vcpu_state *v, enum reg reg)
{
    uint64_t value = 0;

    v->bytes = g_byte_array_set_size(v->bytes, 0);
    if (v->regs[reg] != NULL && qemu_plugin_read_register(v->regs[reg], v->bytes) > 0) {
        memcpy(&value, v->bytes->data, v->bytes->len < 8 ? v->bytes->len : 8);
    }
    return value;
}

/* The line of an exit: hart, cause, then what tells one of a cause from another. */
static void on_exit_of_guest(unsigned int vcpu, void *userdata)
{
    struct vcpu_state *v = &count.vcpus[vcpu];
    uint64_t value[REGS];

    (void)userdata;
    for (uint32_t reg = 0; reg < REGS; reg++) {
        value[reg] = read_reg(v, reg);
    }
    pthread_mutex_lock(&count.lock);
    fprintf(count.out, "x %u", vcpu);
    for (uint32_t reg = 0; reg < REGS; reg++) {
        fprintf(count.out, " %" PRIx64, value[reg]);
    }
    fprintf(count.out, "\n");
    pthread_mutex_unlock(&count.lock);
}

static void on_wfi(unsigned int vcpu, void *userdata)
{
    (void)userdata;
    count.vcpus[vcpu].at_wfi = counters_of(vcpu);
}

static bool is_stray(const struct block *from, const struct block *to)
{
    if (from == NULL || from->side == to->side) {
        return false;
    }
    if (to->side == HYPERVISOR && from->side == GUEST) {
        return to->vaddr != count.vector;
    }
    return from->side == HYPERVISOR && to->side == GUEST && !from->ends_in_sret;
}

/* Its instructions but for the waiting. */
static uint64_t work(unsigned int vcpu)
{
    return qemu_plugin_u64_get(insns_of(HYPERVISOR), vcpu) -
           qemu_plugin_u64_get(spun_of(HYPERVISOR), vcpu);
}

/* What is counted of a block is so while it runs: of this one nothing yet, of the last one all. */
static void follow_stay(unsigned int vcpu, const struct block *from, const struct block *to)
{
    struct vcpu_state *v = &count.vcpus[vcpu];
    bool looks = to->side == HYPERVISOR && to->vaddr == count.look;

    if (looks || (to->side == GUEST && from->side == HYPERVISOR)) {
        uint64_t stay = work(vcpu) - v->entered;

        v->stay = stay > v->stay ? stay : v->stay;
    }
    if (looks || (to->side == HYPERVISOR && to->vaddr == count.vector)) {
        v->entered = work(vcpu);
    }
}

static void count_first(unsigned int vcpu, enum side side)
{
    if (!__atomic_exchange_n(&count.ran[side], true, __ATOMIC_RELAXED)) {
        write_marker(vcpu, side == GUEST ? FIRST_GUEST_BLOCK : FIRST_HYPERVISOR_BLOCK);
    }
}

static void on_guest_block(unsigned int vcpu, struct vcpu_state *v, const struct block *b)
{
    enum reached now = b->vaddr < RAM_START ? PROGRAM_ENTERED : GUEST_ENTERED;

    if (v->reached < now) {
        v->reached = now;
        write_reached(vcpu, now);
    }
}

static void on_block(unsigned int vcpu, void *userdata)
{
    struct block *b = userdata;
    struct vcpu_state *v = &count.vcpus[vcpu];

    if (count.vector != 0 && is_stray(v->last, b)) {
        pthread_mutex_lock(&count.lock);
        count.strays++;
        fprintf(count.out, "stray %u %" PRIx64 " %" PRIx64 "\n", vcpu, v->last->vaddr, b->vaddr);
        pthread_mutex_unlock(&count.lock);
    }
    if (b->side == FIRMWARE && v->last != NULL) {
        watch_loop(vcpu, b);
    }
    if (v->last != NULL && (v->last->side != b->side || b->vaddr == count.look)) {
        follow_stay(vcpu, v->last, b);
    }
    v->before = v->last;
    v->last = b;
    if (b->side != FIRMWARE && !__atomic_load_n(&count.ran[b->side], __ATOMIC_RELAXED)) {
        count_first(vcpu, b->side);
    }
    if (b->side == GUEST && v->reached < PROGRAM_ENTERED) {
        on_guest_block(vcpu, v, b);
    }
    if (b->side == HYPERVISOR) {
        if (!__atomic_load_n(&count.marked, __ATOMIC_RELAXED)) {
            count_boot(vcpu, b);
        }
        if (__atomic_load_n(&count.traces, __ATOMIC_RELAXED) != 0) {
            write_trace(vcpu, b);
        }
    }
}

/* ---- while it is translated ------------------------------------------------------------------ */

static enum side side_of(uint64_t vaddr, const char *host)
{
    uint64_t at;

    if (host != NULL && count.ram == NULL && vaddr >= RAM_START &&
        vaddr < RAM_START + count.fw_size) {
        count.ram = host - (vaddr - RAM_START); /* the first to run in RAM is the firmware */
    }
    if (host == NULL || count.ram == NULL || host < count.ram) {
        return FIRMWARE; /* the reset ROM */
    }
    at = RAM_START + (uint64_t)(host - count.ram);
    if (at < RAM_START + count.fw_size) {
        return FIRMWARE;
    }
    return at - count.hyp_start < count.hyp_size ? HYPERVISOR : GUEST;
}

static void add_counters(struct qemu_plugin_insn *insn, enum side side, uint64_t vaddr,
                         uint32_t bits)
{
    if (side == GUEST && (bits & MARKER_MASK) == MARKER && MARKER_N(bits) > 1) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, QEMU_PLUGIN_CB_NO_REGS,
                                               (void *)(uintptr_t)MARKER_N(bits));
    }
    qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64,
                                                        insns_of(side), 1);
    if (side == HYPERVISOR && vaddr == count.vector) {
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64,
                                                            entries(), 1);
        if (count.exits) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_exit_of_guest, QEMU_PLUGIN_CB_R_REGS,
                                                   NULL);
        }
    }
    if (side != FIRMWARE && bits == INSN_PAUSE) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, side == GUEST ? on_pause : on_hypervisor_pause,
                                               QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
    if (side != FIRMWARE && bits == INSN_WFI) { /* last: the wfi itself has been counted */
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_wfi, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    struct block *b = calloc(1, sizeof(*b));

    (void)id;
    if (b == NULL || n == 0) {
        free(b);
        return;
    }
    pthread_mutex_lock(&count.lock);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t vaddr = qemu_plugin_insn_vaddr(insn);
        enum side side = side_of(vaddr, qemu_plugin_insn_haddr(insn));
        uint32_t bits = 0;

        (void)qemu_plugin_insn_data(insn, &bits, sizeof(bits));
        if (i == 0) {
            *b = (struct block){.vaddr = vaddr, .insns = (uint32_t)n, .side = side};
        }
        b->end = vaddr;
        b->ends_in_sret = bits == INSN_SRET;
        add_counters(insn, side, vaddr, bits);
    }
    b->next = count.blocks;
    count.blocks = b;
    pthread_mutex_unlock(&count.lock);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, b);
}

/* ---- start and end --------------------------------------------------------------------------- */

static void find_registers(qemu_plugin_id_t id, unsigned int vcpu)
{
    static const char *const names[REGS] = {"scause", "stval", "htval", "a7", "a6"};
    struct array *all = qemu_plugin_get_registers();
    const qemu_plugin_reg_descriptor *list = (const void *)all->data;
    struct vcpu_state *v = &count.vcpus[vcpu];

    (void)id;
    v->bytes = g_byte_array_new();
    for (unsigned int i = 0; i < all->len; i++) {
        for (uint32_t reg = 0; reg < REGS; reg++) {
            if (strcmp(list[i].name, names[reg]) == 0) {
                v->regs[reg] = list[i].handle;
            }
        }
    }
}

static void write_profile(void)
{
    FILE *file = fopen(count.profile_path, "w");

    if (file == NULL) {
        perror(count.profile_path);
        return;
    }
    for (const struct block *b = count.blocks; b != NULL; b = b->next) {
        if (b->side == HYPERVISOR && b->runs[TO_GUEST] + b->runs[TO_MARKER] != 0) {
            fprintf(file, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", b->vaddr,
                    b->runs[TO_GUEST] * b->insns, b->runs[TO_MARKER] * b->insns);
        }
    }
    (void)fclose(file);
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *userdata)
{
    (void)id;
    (void)userdata;
    if (count.profile_path != NULL) {
        write_profile();
    }
    fprintf(count.out, "end %" PRIu64 "\n", count.strays);
    (void)fclose(count.out);
}

static bool take_argument(char *argument)
{
    char *value = strchr(argument, '=');

    if (value == NULL) {
        return false;
    }
    *value++ = '\0';
    if (strcmp(argument, "out") == 0) {
        count.out = fopen(value, "w");
        return count.out != NULL;
    }
    if (strcmp(argument, "hyp") == 0) {
        count.hyp_start = strtoull(value, &value, 16);
        count.hyp_size = *value == '+' ? strtoull(value + 1, NULL, 16) : 0;
        return count.hyp_size != 0;
    }
    if (strcmp(argument, "fw") == 0) {
        count.fw_size = strtoull(value, NULL, 16);
        return count.fw_size != 0;
    }
    if (strcmp(argument, "vector") == 0) {
        count.vector = strtoull(value, NULL, 16);
        return true;
    }
    if (strcmp(argument, "look") == 0) {
        count.look = strtoull(value, NULL, 16);
        return true;
    }
    if (strcmp(argument, "profile") == 0) {
        count.profile_path = strdup(value);
        return count.profile_path != NULL;
    }
    if (strcmp(argument, "trace") == 0) {
        count.trace_boot = strcmp(value, "boot") == 0;
        count.trace = count.trace_boot || strcmp(value, "all") == 0;
        return count.trace;
    }
    if (strcmp(argument, "exits") == 0) {
        count.exits = strcmp(value, "all") == 0;
        return count.exits;
    }
    return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!take_argument(argv[i])) {
            fprintf(stderr, "insncount: bad argument %s\n", argv[i]);
            return -1;
        }
    }
    if (count.out == NULL || count.fw_size == 0) {
        fprintf(stderr, "insncount: out=FILE or fw=SIZE is missing\n");
        return -1;
    }
    count.score = qemu_plugin_scoreboard_new(sizeof(struct counters));
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    if (count.exits) {
        qemu_plugin_register_vcpu_init_cb(id, find_registers);
    }
    qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
    return 0;
}
