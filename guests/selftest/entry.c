/* SPDX-License-Identifier: BSD-2-Clause */
/* How the guest was entered, and whether its FDT can be believed. [SBI 3.0 §9, Linux boot rules] */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <libfdt.h>
#include <string.h>

static void test_state(void)
{
    (void)tap_ok(board.harts[board.boot_index].id == guest_entry.a0, "a0 is the id of a hart");
    (void)tap_ok((guest_entry.a1 & 7) == 0 && fdt_check_header((const void *)guest_entry.a1) == 0,
                 "a1 is an FDT");
    (void)tap_eq(guest_entry.satp, 0, "satp is 0");
    (void)tap_eq(guest_entry.sie, 0, "sie is 0");
    (void)tap_eq(guest_entry.sstatus & (SSTATUS_SIE | SSTATUS_SUM | SSTATUS_MXR), 0,
                 "sstatus has SIE, SUM and MXR clear");
}

static bool in_ram(uint64_t start, uint64_t size)
{
    for (uint32_t i = 0; i < board.memory_count; i++) {
        const struct board_range *m = &board.memory[i];

        if (start >= m->start && size <= m->size && start - m->start <= m->size - size) {
            return true;
        }
    }
    return false;
}

static void test_fdt(void)
{
    extern const char _image_start[], _image_end[];
    uint64_t start = (uint64_t)(uintptr_t)_image_start;
    uint64_t size = (uint64_t)(_image_end - _image_start);
    uint64_t fdt_size = fdt_totalsize(board.fdt);
    uint64_t fdt = guest_entry.a1;

    (void)tap_eq((uint64_t)fdt_check_full(board.fdt, fdt_size), 0, "the FDT is well formed");
    (void)tap_ok(in_ram(start, size), "the image lies in the FDT's memory");
    (void)tap_ok(in_ram(fdt, fdt_size), "the FDT lies in its own memory");
    (void)tap_ok(fdt >= start + size || fdt + fdt_size <= start, "the FDT is not in the image");
    (void)tap_ok(board.hart_count > 0 && board.timebase_hz >= 100000, "harts and timebase");
    (void)tap_ok((board.imsic_ids != 0 && board.aplic.size != 0) || board.plic.size != 0,
                 "an interrupt controller: %s", board.imsic_ids != 0 ? "AIA" : "PLIC");
    if (board.curia) {
        (void)tap_ok(strlen(board.vm_name) > 0, "the VM has a name: %s", board.vm_name);
        (void)tap_ok(board.power_irq.source != 0, "power events have an interrupt");
        (void)tap_ok(
            fdt_getprop(board.fdt, fdt_path_offset(board.fdt, "/chosen"), "rng-seed", NULL) != NULL,
            "chosen has a seed");
    }
}

/* No register may tell of the host: what H adds is not there for a guest. */
static void test_isa_string(void)
{
    int node = fdt_path_offset(board.fdt, "/cpus/cpu@0");
    int len = 0;
    const char *isa = node < 0 ? NULL : fdt_getprop(board.fdt, node, "riscv,isa", &len);

    if (isa == NULL || !board.curia) {
        return;
    }
    (void)tap_ok(strncmp(isa, "rv64i", 5) == 0, "ISA: %.90s", isa);
    (void)tap_ok(memchr(isa, 'h', strcspn(isa, "_")) == NULL, "the ISA has no h");
}

void test_entry(void)
{
    test_state();
    test_fdt();
    test_isa_string();
}
