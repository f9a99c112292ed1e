/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * curiactl sees sbi/abi.h only, so it has names of its own for states and audit events: they are
 * those that Curia prints.
 */
/* LINK: core/audit.c guests/linux/curiactl/names.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/audit.h"
#include "core/power.h"
#include "guests/linux/curiactl/names.h"

static void test_audit_events(void **state)
{
    (void)state;
    for (uint32_t event = AUDIT_BOOT; event < AUDIT_EVENT_COUNT; event++) {
        assert_string_equal(name_of_audit_event(event), audit_event_name(event));
    }
    assert_string_equal(name_of_audit_event(AUDIT_EVENT_COUNT), "?");
}

static void test_power_states(void **state)
{
    (void)state;
    for (uint32_t s = 0; s <= POWER_VM_RESUMING + 1u; s++) {
        assert_string_equal(name_of_power_state(s), audit_state_name(s));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audit_events),
        cmocka_unit_test(test_power_states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
