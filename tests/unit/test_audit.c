/* SPDX-License-Identifier: BSD-2-Clause */
/* The audit ring: order, loss, survival of a warm reset, and memory that holds anything at all. */
/* LINK: core/audit.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/audit.h"
#include "core/power.h"

#define CAPACITY 8u

struct rig {
    struct audit audit;
    size_t size;
    uint8_t *memory; /* exactly size bytes: ASan sees any step beyond */
};

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    r->size = audit_size(CAPACITY);
    r->memory = malloc(r->size);
    memset(r->memory, 0xa5, r->size);
    assert_int_equal(audit_init(&r->audit, r->memory, r->size), ERR_OK);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    free(r->memory);
    free(r);
    return 0;
}

static void put(struct audit *audit, uint32_t txn)
{
    audit_put(audit,
              &(struct audit_record){.time_us = txn * 10u, .txn = txn, .event = AUDIT_READY});
}

/* Reads the next record; it must be `txn`, with `lost` records lost before it. */
static void expect(const struct audit *audit, uint64_t *seq, uint32_t txn, uint64_t lost)
{
    struct audit_record record;
    uint64_t counted = 0;
    assert_int_equal(audit_read(audit, seq, &record, &counted), ERR_OK);
    assert_int_equal(record.txn, txn);
    assert_true(counted == lost);
    assert_true(record.seq + 1 == *seq);
}

static void expect_end(const struct audit *audit, uint64_t *seq)
{
    struct audit_record record;
    uint64_t lost = 0, before = *seq;
    assert_int_equal(audit_read(audit, seq, &record, &lost), ERR_NOT_FOUND);
    assert_true(lost == 0 && *seq == before);
}

static void test_order(void **state)
{
    struct rig *r = *state;
    uint64_t seq = 0;
    expect_end(&r->audit, &seq);
    put(&r->audit, 1);
    put(&r->audit, 2);
    expect(&r->audit, &seq, 1, 0);
    expect(&r->audit, &seq, 2, 0);
    expect_end(&r->audit, &seq);
    put(&r->audit, 3);
    expect(&r->audit, &seq, 3, 0);
    expect_end(&r->audit, &seq);
}

static void test_overwritten_records_are_counted(void **state)
{
    struct rig *r = *state;
    uint64_t seq = 0, slow = 1;
    put(&r->audit, 1);
    expect(&r->audit, &seq, 1, 0);
    for (uint32_t i = 2; i <= CAPACITY + 5; i++) {
        put(&r->audit, i);
    }
    expect(&r->audit, &seq, 6, 4);  /* 2 to 5 */
    expect(&r->audit, &slow, 6, 5); /* 1 to 5 */
    for (uint32_t i = 7; i <= CAPACITY + 5; i++) {
        expect(&r->audit, &seq, i, 0);
    }
    expect_end(&r->audit, &seq);
    seq = 0; /* a newcomer has lost nothing */
    expect(&r->audit, &seq, 6, 0);
}

static void test_a_number_of_the_future(void **state)
{
    struct rig *r = *state;
    uint64_t seq = UINT64_MAX;
    put(&r->audit, 1);
    expect_end(&r->audit, &seq);
}

static void test_survives_a_warm_reset(void **state)
{
    struct rig *r = *state;
    struct audit after;
    for (uint32_t i = 1; i <= CAPACITY + 3; i++) {
        put(&r->audit, i);
    }
    assert_int_equal(audit_adopt(&after, r->memory, r->size), ERR_OK);
    assert_true(after.next_seq == CAPACITY + 4);
    put(&after, 100);
    uint64_t seq = 0;
    for (uint32_t i = 5; i <= CAPACITY + 3; i++) {
        expect(&after, &seq, i, 0);
    }
    expect(&after, &seq, 100, 0);
    expect_end(&after, &seq);
}

static void test_empty_ring_is_adopted(void **state)
{
    struct rig *r = *state;
    struct audit after;
    assert_int_equal(audit_adopt(&after, r->memory, r->size), ERR_OK);
    assert_true(after.next_seq == 1);
}

static void test_torn_write_costs_one_record(void **state)
{
    struct rig *r = *state;
    struct audit after;
    uint64_t seq = 0;
    for (uint32_t i = 1; i <= 4; i++) {
        put(&r->audit, i);
    }
    r->audit.records[3].txn ^= 1; /* record 3 */
    assert_int_equal(audit_adopt(&after, r->memory, r->size), ERR_OK);
    expect(&after, &seq, 1, 0);
    expect(&after, &seq, 2, 0);
    expect(&after, &seq, 4, 1);
    r->audit.records[3].txn ^= 1;
    r->audit.records[4].txn ^= 1; /* the newest: its number is given again */
    assert_int_equal(audit_adopt(&after, r->memory, r->size), ERR_OK);
    put(&after, 40);
    seq = 4;
    expect(&after, &seq, 40, 0);
}

static void test_not_a_ring(void **state)
{
    struct rig *r = *state;
    struct audit after;
    put(&r->audit, 1);
    assert_int_equal(audit_adopt(&after, r->memory, r->size - sizeof(struct audit_record)),
                     ERR_NOT_FOUND); /* another size */
    assert_int_equal(audit_adopt(&after, r->memory, 8), ERR_NOT_FOUND);
    assert_int_equal(audit_init(&after, r->memory, audit_size(1) - 1), ERR_RANGE);
    for (size_t bit = 0; bit < 20u * 8u; bit++) { /* every bit of the header that means something */
        r->memory[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(audit_adopt(&after, r->memory, r->size), ERR_NOT_FOUND);
        r->memory[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(audit_adopt(&after, r->memory, r->size), ERR_OK);
    memset(r->memory, 0xff, r->size);
    assert_int_equal(audit_adopt(&after, r->memory, r->size), ERR_NOT_FOUND);
    memset(r->memory, 0, r->size);
    assert_int_equal(audit_adopt(&after, r->memory, r->size), ERR_NOT_FOUND);
}

/* A valid header over garbage records: adopted or not, everything stays inside and ends. */
static void test_garbage(void **state)
{
    struct rig *r = *state;
    uint64_t random = 88172645463325252u;
    for (uint32_t round = 0; round < 2000; round++) {
        struct audit audit;
        uint8_t *records = r->memory + audit_size(0);
        assert_int_equal(audit_init(&audit, r->memory, r->size), ERR_OK);
        for (uint32_t i = 1; i <= round % 20; i++) {
            put(&audit, i);
        }
        for (uint32_t i = 0; i < round % 64; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            records[random % (r->size - audit_size(0))] = (uint8_t)(random >> 32);
        }
        assert_int_equal(audit_adopt(&audit, r->memory, r->size), ERR_OK);
        put(&audit, 77);
        uint64_t seq = 0, lost = 0;
        struct audit_record record = {0};
        uint32_t count = 0;
        while (audit_read(&audit, &seq, &record, &lost) == ERR_OK) {
            char text[AUDIT_LINE_MAX];
            assert_true(++count <= CAPACITY);
            assert_true(audit_format(&record, NULL, text, sizeof(text)) > 0);
        }
        assert_int_equal(record.txn, 77);
    }
}

/* Records with right checksums and absurd numbers, as no ring of ours writes them. */
static void test_absurd_numbers(void **state)
{
    struct rig *r = *state;
    struct audit after;
    r->audit.next_seq = UINT64_MAX - 1;
    put(&r->audit, 1);
    put(&r->audit, 2); /* number UINT64_MAX: never valid */
    assert_int_equal(audit_adopt(&after, r->memory, r->size), ERR_OK);
    assert_true(after.next_seq == UINT64_MAX);
    uint64_t seq = 0;
    expect(&after, &seq, 1, CAPACITY - 1); /* those before it are not there */
}

static void expect_text(const struct audit_record *record, const char *name, const char *text)
{
    char line[AUDIT_LINE_MAX];
    int length = audit_format(record, name, line, sizeof(line));
    assert_string_equal(line, text);
    assert_int_equal(length, (int)strlen(text));
}

static void test_format(void **state)
{
    (void)state;
    struct audit_record a = {.seq = 12,
                             .time_us = 12345678,
                             .txn = 1,
                             .vm = 1,
                             .event = AUDIT_PREPARE_SENT,
                             .old_state = POWER_VM_WAITING,
                             .new_state = POWER_VM_NOTIFIED};
    expect_text(&a, "cockpit",
                "audit 00012 [  12.345678] txn 1 cockpit PREPARE-SENT WAITING -> NOTIFIED");
    a.event = AUDIT_POSTPONE;
    a.old_state = a.new_state;
    a.detail = 250000;
    expect_text(&a, "cockpit",
                "audit 00012 [  12.345678] txn 1 cockpit POSTPONE NOTIFIED +250000 us");
    a.vm = POWER_BY_CONSOLE;
    a.event = AUDIT_REQUEST;
    a.old_state = POWER_RUN;
    a.new_state = POWER_PREPARE;
    a.detail = AUDIT_DETAIL_REQUEST(POWER_RESET_COLD, true, false, 0x1f);
    expect_text(
        &a, NULL,
        "audit 00012 [  12.345678] txn 1 console REQUEST RUN -> PREPARE cold-reset emergency "
        "reason 0x1f");
    a.vm = AUDIT_NO_VM;
    a.event = AUDIT_ABORT;
    expect_text(&a, NULL, "audit 00012 [  12.345678] txn 1 all ABORT RUN -> PREPARE");
    a.vm = POWER_BY_PLATFORM;
    a.event = AUDIT_FROZEN_AT;
    a.old_state = a.new_state;
    a.detail = UINT64_C(0x80200000);
    expect_text(&a, NULL, "audit 00012 [  12.345678] txn 1 platform FROZEN-AT PREPARE 0x80200000");
    a.event = 200;
    a.old_state = 99;
    expect_text(&a, "x", "audit 00012 [  12.345678] txn 1 x ? ? -> PREPARE");
}

static void test_format_is_bounded(void **state)
{
    (void)state;
    char name[33], line[AUDIT_LINE_MAX];
    memset(name, 'n', 32);
    name[32] = '\0';
    struct audit_record a = {.seq = UINT64_MAX,
                             .time_us = UINT64_MAX,
                             .txn = UINT32_MAX,
                             .event = AUDIT_REQUEST,
                             .old_state = POWER_VM_UNRESPONSIVE,
                             .new_state = POWER_VM_UNRESPONSIVE - 1,
                             .detail = UINT64_MAX - 0xff};
    for (uint32_t event = 0; event < 256; event++) {
        a.event = (uint8_t)event;
        assert_in_range(audit_format(&a, name, line, sizeof(line)), 1, sizeof(line) - 1);
    }
    assert_true(audit_format(&a, name, line, 4) > 4);
    assert_string_equal(line, "aud");
}

static void test_names(void **state)
{
    (void)state;
    for (uint32_t e = 0; e < AUDIT_EVENT_COUNT; e++) {
        assert_string_not_equal(audit_event_name(e), "?");
    }
    for (uint32_t s = POWER_RUN; s <= POWER_RESUME; s++) {
        assert_string_not_equal(audit_state_name(s), "?");
    }
    for (uint32_t s = POWER_VM_OFF; s <= POWER_VM_FORCED; s++) {
        assert_string_not_equal(audit_state_name(s), "?");
    }
    assert_string_equal(audit_event_name(AUDIT_EVENT_COUNT), "?");
    assert_string_equal(audit_event_name(UINT32_MAX), "?");
    assert_string_equal(audit_state_name(0x0f), "?");
    assert_string_equal(audit_state_name(UINT32_MAX), "?");
}

/* A new ring in the memory of an old one keeps nothing of it, not even for the boot after. */
static void test_a_new_ring_is_empty(void **state)
{
    struct rig *r = *state;
    uint64_t seq = 0;
    for (uint32_t i = 1; i <= CAPACITY; i++) {
        put(&r->audit, i);
    }
    assert_int_equal(audit_init(&r->audit, r->memory, r->size), ERR_OK);
    expect_end(&r->audit, &seq);
    put(&r->audit, 77);
    assert_int_equal(audit_adopt(&r->audit, r->memory, r->size), ERR_OK);
    expect(&r->audit, &seq, 77, 0);
    expect_end(&r->audit, &seq);
    put(&r->audit, 78);
    expect(&r->audit, &seq, 78, 0);
}

/* What is lost adds up over several reads. */
static void test_losses_add_up(void **state)
{
    struct rig *r = *state;
    struct audit_record record;
    uint64_t seq = 1;
    uint64_t lost = 0;
    for (uint32_t i = 1; i <= CAPACITY + 3; i++) {
        put(&r->audit, i);
    }
    assert_int_equal(audit_read(&r->audit, &seq, &record, &lost), ERR_OK);
    assert_true(lost == 3);
    for (uint32_t i = 0; i < CAPACITY + 1; i++) {
        put(&r->audit, 100 + i);
    }
    assert_int_equal(audit_read(&r->audit, &seq, &record, &lost), ERR_OK);
    assert_true(lost == 3 + CAPACITY);
}

/* A record's spare words tell nothing of who wrote it. */
static void test_spare_is_zero(void **state)
{
    struct rig *r = *state;
    struct audit_record record = {.txn = 1, .event = AUDIT_READY, .reserved = 0xdeadbeef};
    uint64_t seq = 0;
    uint64_t lost = 0;
    audit_put(&r->audit, &record);
    assert_int_equal(audit_read(&r->audit, &seq, &record, &lost), ERR_OK);
    assert_int_equal(record.reserved, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
        TEST(order),
        TEST(overwritten_records_are_counted),
        TEST(a_number_of_the_future),
        TEST(survives_a_warm_reset),
        TEST(empty_ring_is_adopted),
        TEST(torn_write_costs_one_record),
        TEST(not_a_ring),
        TEST(garbage),
        TEST(absurd_numbers),
        TEST(format),
        TEST(format_is_bounded),
        TEST(names),
        TEST(a_new_ring_is_empty),
        TEST(losses_add_up),
        TEST(spare_is_zero),
    };
    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
