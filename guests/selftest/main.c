/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The selftest: a guest that looks at the machine it is given, and prints what it finds in TAP. The
 * bootarg mode says which role it plays; without one, it tests, resetting itself once on the way
 * when reboot=1.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/sbi_call.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"entry", test_entry},       {"sbi", test_sbi},     {"harts", test_harts},
    {"fences", test_fences},     {"timer", test_timer}, {"irqs", test_irqs},
    {"susp", test_susp},         {"mmio", test_mmio},   {"memory", test_memory},
    {"stage1", test_stage1},     {"traps", test_traps}, {"user", test_user},
    {"csrs", test_csrs},         {"peers", test_peers}, {"privileges", test_privileges},
    {"events", test_events},     {"pmu", test_pmu},     {"isa", test_isa},
    {"vectors", test_vectors},   {"key", test_key},     {"triggers", test_triggers},
    {"features", test_features}, {"usage", test_usage},
};

static void test_all(void)
{
    bool reboot = board_arg_number("reboot", 0) != 0;
    uint32_t failed;

    if (reboot && vm_generation() == 1) {
        residue_leave();
    }
    con_printf("# selftest on %s, %u harts, %s\n", board.vm_name, (unsigned)board.hart_count,
               board.imsic_ids != 0 ? "AIA" : "PLIC");
    if (reboot) {
        test_residue();
    }
    for (uint32_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        con_printf("# %s\n", parts[i].name);
        parts[i].run();
        csr_write(CSR_SIE, 0);
    }
    failed = tap_done();
    sbi_system_reset(SBI_SRST_TYPE_SHUTDOWN,
                     failed == 0 ? SBI_SRST_REASON_NONE : SBI_SRST_REASON_FAILURE);
    guest_panic("panic: SRST came back");
}

void guest_main(void)
{
    char mode[16] = "test";

    (void)board_arg("mode", mode, sizeof(mode));
    if (strcmp(mode, "neighbour") == 0) {
        role_neighbour();
    } else if (strcmp(mode, "hostile") == 0) {
        role_hostile();
    } else if (strcmp(mode, "reborn") == 0) {
        role_reborn();
    } else if (strcmp(mode, "counter") == 0) {
        role_counter();
    } else if (strcmp(mode, "features") == 0) {
        role_features();
    } else if (strcmp(mode, "storm") == 0) {
        role_storm();
    } else if (strcmp(mode, "storm-peer") == 0) {
        role_storm_peer();
    } else if (strcmp(mode, "tick") == 0) {
        role_tick();
    } else if (strcmp(mode, "shout") == 0) {
        role_shout();
    } else if (strcmp(mode, "test") == 0) {
        test_all();
    } else {
        role_crash(mode);
    }
}
