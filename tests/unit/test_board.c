/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/board.c core/board_walk.c core/fdt.c core/ram.c core/pagepool.c tests/unit/dts.c
 *       libfdt */
/* The host's FDT: QEMU's own, one with everything that is odd, and damaged ones. */
#include "core/board.h"
#include "core/irqchip.h"
#include "core/pagepool.h"
#include "tests/unit/dts.h"

#include <libfdt.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static _Alignas(64) char arena[4u << 20];

static enum err read_blob(struct board *b, const void *blob, const char **why)
{
    pool_init(arena, sizeof(arena));
    *why = NULL;
    return board_read(b, blob, why);
}

static void qemu_with_aia(void **state)
{
    void *fdt = dts_of_qemu("-M virt,aia=aplic-imsic,aia-guests=5 -smp 4 -m 2G", NULL);
    uint32_t bits = 9, ids = 9, none = 9;
    const struct board_cell cells[] = {
        {"riscv,guest-index-bits", &bits}, {"riscv,num-ids", &ids}, {"no-such", &none}};
    struct board b;
    const char *why;
    const struct board_device *rtc, *imsic, *aplic;

    (void)state;
    assert_int_equal(read_blob(&b, fdt, &why), ERR_OK);
    assert_string_equal(b.model, "riscv-virtio,qemu");
    assert_int_equal(b.timebase_hz, 10000000);
    assert_int_equal(b.hart_count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(b.harts[i].id, i);
        assert_true(b.harts[i].isa_is_list);
        assert_true(fdt_stringlist_contains(b.harts[i].isa, (int)b.harts[i].isa_len, "h"));
        assert_string_equal(b.harts[i].mmu, "riscv,sv57");
        assert_int_not_equal(b.harts[i].intc_phandle, 0);
        assert_int_equal(b.harts[i].cboz_block, 64);
    }
    assert_int_equal(b.ram.count, 1);
    assert_int_equal(b.ram.free[0].start, 0x80000000);
    assert_int_equal(b.ram.free[0].size, 0x80000000);
    assert_non_null(b.stdout_dev);
    assert_int_equal(b.stdout_dev->regs[0].start, 0x10000000);
    assert_int_equal(b.rng_seed_len, 32);
    rtc = board_by_path(&b, "/soc/rtc@101000");
    assert_non_null(rtc);
    assert_ptr_equal(rtc, board_find(&b, "google,goldfish-rtc", NULL));
    assert_int_equal(rtc->irq_count, 1);
    assert_int_equal(rtc->irqs[0].source, 11);
    assert_int_equal(rtc->irqs[0].trigger, IRQ_LEVEL_HIGH);
    aplic = board_by_path(&b, "/soc/interrupt-controller@d000000");
    assert_int_equal(rtc->irqs[0].parent, aplic->phandle);
    imsic = board_find(&b, "riscv,imsics", NULL);
    assert_non_null(imsic);
    assert_int_equal(imsic->irq_count, 0); /* only those of harts */
    assert_int_equal(board_u32(&b, imsic, "riscv,guest-index-bits", 9), 3);
    assert_int_equal(b.guest_files, 7);
    assert_int_equal(board_u32(&b, imsic, "no-such", 9), 9);
    board_cells(&b, imsic, cells, 3);
    assert_int_equal(bits, 3);
    assert_int_equal(ids, board_u32(&b, imsic, "riscv,num-ids", 0));
    assert_int_equal(none, 9);
    assert_non_null(board_find(&b, "riscv,imsics", imsic));
    assert_null(board_by_path(&b, "/soc"));
    assert_null(board_by_path(&b, "/nowhere"));
    free(fdt);
}

static void qemu_with_plic(void **state)
{
    void *fdt = dts_of_qemu("-M virt -smp 2 -m 256", NULL);
    struct board b;
    const char *why;

    (void)state;
    assert_int_equal(read_blob(&b, fdt, &why), ERR_OK);
    assert_int_equal(b.hart_count, 2);
    assert_int_equal(b.ram.free[0].size, 256u << 20);
    assert_int_equal(board_by_path(&b, "/soc/rtc@101000")->irqs[0].trigger, IRQ_LEVEL_HIGH);
    assert_non_null(board_find(&b, "sifive,plic-1.0.0", NULL));
    free(fdt);
}

static const char odd[] =
    "/dts-v1/;\n"
    "/memreserve/ 0x80002000 0x800;\n"
    "/ {\n"
    "    #address-cells = <2>;\n"
    "    #size-cells = <1>;\n"
    "    compatible = \"maker,odd\";\n"
    "    interrupt-parent = <&plic>;\n"
    "    aliases { serial0 = &uart; };\n"
    "    chosen {\n"
    "        stdout-path = \"serial0:115200n8\";\n"
    "        bootargs = \"quiet\";\n"
    "        linux,initrd-start = <0x90000000>;\n"
    "        linux,initrd-end = <0x0 0x90001234>;\n"
    "    };\n"
    "    cpus {\n"
    "        #address-cells = <2>;\n"
    "        #size-cells = <0>;\n"
    "        timebase-frequency = <0x0 1000000>;\n"
    "        cpu@5 {\n"
    "            device_type = \"cpu\"; reg = <0x1 0x5>; riscv,isa = \"rv64imafdch\";\n"
    "            riscv,cboz-block-size = <64>;\n"
    "            intc5: interrupt-controller { interrupt-controller; #interrupt-cells = <1>;\n"
    "                compatible = \"riscv,cpu-intc\"; };\n"
    "        };\n"
    "        cpu@7 { device_type = \"cpu\"; reg = <0x0 0x7>; status = \"disabled\";\n"
    "            interrupt-controller { interrupt-controller; #interrupt-cells = <1>; };\n"
    "        };\n"
    "        cpu@3 {\n"
    "            device_type = \"cpu\"; reg = <0x0 0x3>;\n"
    "            riscv,isa-extensions = \"i\", \"m\", \"h\";\n"
    "            intc3: interrupt-controller { interrupt-controller; #interrupt-cells = <1>;\n"
    "                compatible = \"riscv,cpu-intc\"; };\n"
    "        };\n"
    "        cpu-map { cluster0 { core0 { }; }; };\n"
    "    };\n"
    "    memory@80000000 { device_type = \"memory\"; reg = <0x0 0x80000000 0x10000>,\n"
    "        <0x1 0x0 0x100000>; };\n"
    "    memory@a0000000 { device_type = \"memory\"; reg = <0x0 0xa0000000 0x10000>;\n"
    "        status = \"disabled\"; };\n"
    "    reserved-memory {\n"
    "        #address-cells = <2>; #size-cells = <1>; ranges;\n"
    "        fw@80000000 { reg = <0x0 0x80000000 0x2000>; no-map; };\n"
    "        pool@100001000 { compatible = \"shared-dma-pool\"; reg = <0x1 0x1000 0x10>; };\n"
    "        dynamic { size = <0x1000>; };\n"
    "        off@1 { reg = <0x1 0x8000 0x1000>; status = \"disabled\"; };\n"
    "    };\n"
    "    soc {\n"
    "        compatible = \"simple-bus\";\n"
    "        #address-cells = <1>;\n"
    "        #size-cells = <1>;\n"
    "        ranges = <0x0 0x0 0x10000000 0x1000000>, <0x40000000 0x2 0x0 0x1000000>;\n"
    "        plic: plic@0 { compatible = \"riscv,plic0\"; reg = <0x0 0x1000>;\n"
    "            interrupt-controller; #interrupt-cells = <1>;\n"
    "            interrupts-extended = <&intc5 11 &intc5 9 &intc3 9>; };\n"
    "        aplic: aplic@2000 { compatible = \"riscv,aplic\"; reg = <0x2000 0x1000>;\n"
    "            interrupt-controller; #interrupt-cells = <2>; };\n"
    "        uart: uart@40001000 { compatible = \"maker,uart\", \"ns16550a\";\n"
    "            reg = <0x40001000 0x100>; interrupts = <3 4>; };\n"
    "        mixed@5000 { compatible = \"maker,mixed\"; reg = <0x5000 0x100 0x6000 0x100>;\n"
    "            interrupts-extended = <&intc5 7>, <&aplic 8 1>, <&plic 9>, <&aplic 10 2>; };\n"
    "        lost@90000000 { compatible = \"maker,lost\"; reg = <0x90000000 0x100>; };\n"
    "        off@7000 { compatible = \"maker,off\"; reg = <0x7000 0x100>; status = \"disabled\";\n"
    "            child@0 { compatible = \"maker,off\"; reg = <0x0 0x100>; }; };\n"
    "        bus@8000 {\n"
    "            compatible = \"simple-bus\"; reg = <0x8000 0x100>;\n"
    "            #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&aplic>;\n"
    "            ranges = <0x100 0x9000 0x100>;\n"
    "            inner@180 { compatible = \"maker,inner\"; reg = <0x180 0x10>;\n"
    "                interrupts = <20 4>; };\n"
    "        };\n"
    "        i2c@b000 { compatible = \"maker,i2c\"; reg = <0xb000 0x100>;\n"
    "            #address-cells = <1>; #size-cells = <0>;\n"
    "            chip@51 { compatible = \"maker,chip\"; reg = <0x51>; }; };\n"
    "    };\n"
    "};\n";

static void an_odd_machine(void **state)
{
    size_t size;
    void *fdt = dts_blob(odd, &size);
    struct board b;
    const char *why;
    const struct board_device *d;

    (void)state;
    assert_int_equal(read_blob(&b, fdt, &why), ERR_OK);
    assert_string_equal(b.model, "maker,odd");
    assert_string_equal(b.bootargs, "quiet");
    assert_int_equal(b.bundle.start, 0x90000000);
    assert_int_equal(b.bundle.size, 0x1234);
    assert_int_equal(b.timebase_hz, 1000000);

    assert_int_equal(b.hart_count, 2); /* sparse, one disabled */
    assert_int_equal(b.harts[0].id, 0x100000005);
    assert_false(b.harts[0].isa_is_list);
    assert_string_equal(b.harts[0].isa, "rv64imafdch");
    assert_null(b.harts[0].mmu);
    assert_int_equal(b.harts[0].cboz_block, 64);
    assert_int_equal(b.harts[1].id, 3);
    assert_true(b.harts[1].isa_is_list);
    assert_int_equal(b.harts[1].isa_len, 6);
    assert_int_equal(b.harts[1].cboz_block, 0);

    assert_int_equal(b.ram.count, 3); /* 0x80000000 less fw and memreserve; 4 GiB less the pool */
    assert_int_equal(b.ram.free[0].start, 0x80003000);
    assert_int_equal(b.ram.free[0].size, 0xd000);
    assert_int_equal(b.ram.free[1].start, 0x100000000);
    assert_int_equal(b.ram.free[1].size, 0x1000);
    assert_int_equal(b.ram.free[2].start, 0x100002000);
    assert_int_equal(b.ram.free[2].size, 0xfe000);

    d = b.stdout_dev;
    assert_non_null(d);
    assert_true(board_is(d, "ns16550a") && board_is(d, "maker,uart") && !board_is(d, "ns16550"));
    assert_int_equal(d->regs[0].start, 0x200001000);
    assert_int_equal(d->irq_count, 2);
    assert_int_equal(d->irqs[0].source, 3);
    assert_int_equal(d->irqs[1].source, 4);

    d = board_find(&b, "maker,mixed", NULL);
    assert_int_equal(d->reg_count, 2);
    assert_int_equal(d->regs[1].start, 0x10006000);
    assert_int_equal(d->irq_count, 3);
    assert_int_equal(d->irqs[0].source, 8);
    assert_int_equal(d->irqs[0].trigger, IRQ_EDGE_RISING);
    assert_int_equal(d->irqs[1].source, 9);
    assert_int_equal(d->irqs[1].trigger, IRQ_LEVEL_HIGH);
    assert_int_equal(d->irqs[2].source, 10);
    assert_int_equal(d->irqs[2].trigger, IRQ_EDGE_FALLING);

    d = board_by_path(&b, "/soc/bus@8000/inner@180");
    assert_int_equal(d->regs[0].start, 0x10009080);
    assert_int_equal(d->irqs[0].source, 20);
    assert_int_equal(d->irqs[0].trigger, IRQ_LEVEL_HIGH);

    assert_null(board_find(&b, "maker,lost", NULL));
    assert_null(board_find(&b, "maker,off", NULL));
    assert_null(board_find(&b, "maker,chip", NULL));
    assert_null(board_find(&b, "shared-dma-pool", NULL));
    assert_non_null(board_find(&b, "maker,i2c", NULL));
    assert_int_equal(board_find(&b, "riscv,plic0", NULL)->irq_count, 0);
    free(fdt);
}

static void expect_refused(const char *from, const char *to, const char *text)
{
    char *source = dts_replace(odd, from, to);
    void *fdt = dts_blob(source, NULL);
    struct board b;
    const char *why;

    assert_int_equal(read_blob(&b, fdt, &why), ERR_INVALID);
    assert_non_null(why);
    assert_non_null(strstr(why, text));
    free(fdt);
    free(source);
}

static void what_is_missing_is_named(void **state)
{
    struct board b;
    const char *why;
    static _Alignas(8) const char zeroes[64];

    (void)state;
    expect_refused("timebase-frequency = <0x0 1000000>;", "", "timebase-frequency");
    expect_refused("cpus {", "cores {", "no enabled cpu");
    expect_refused("reg = <0x0 0x3>;", "reg = <0x3>;", "no proper reg");
    expect_refused("0x80000000 0x10000>,\n        <0x1 0x0 0x100000>", "0x80000000 0x2000>",
                   "no free RAM");
    assert_int_equal(read_blob(&b, zeroes, &why), ERR_INVALID);
    assert_non_null(why);
    assert_int_equal(read_blob(&b, NULL, &why), ERR_INVALID);
}

/* Tags that were made FDT_NOP, as boot loaders do, change nothing else. */
static void nop_tags_are_skipped(void **state)
{
    void *fdt = dts_blob(odd, NULL);
    struct board b;
    const char *why;

    (void)state;
    assert_int_equal(fdt_nop_property(fdt, fdt_path_offset(fdt, "/soc/off@7000"), "status"), 0);
    assert_int_equal(fdt_nop_node(fdt, fdt_path_offset(fdt, "/soc/i2c@b000")), 0);
    assert_int_equal(read_blob(&b, fdt, &why), ERR_OK);
    assert_non_null(board_find(&b, "maker,off", NULL));
    assert_null(board_find(&b, "maker,i2c", NULL));
    free(fdt);
}

/* Whatever is in it: an answer, within the blob, and no endless loop. */
static void damaged_ones_are_survived(void **state)
{
    size_t size;
    char *good = dts_blob(odd, &size);
    struct board b;
    const char *why;

    (void)state;
    srand(2);
    for (uint32_t round = 0; round < 20000; round++) {
        char *bad = malloc(size); /* exact, so that the sanitizer sees a byte too far */

        memcpy(bad, good, size);
        for (int k = rand() % 6; k >= 0; k--) {
            bad[(size_t)rand() % (size - 8) + 8] = (char)(rand() % 3 == 0 ? rand() : rand() % 10);
        }
        if (fdt_check_header(bad) == 0 && fdt_totalsize(bad) <= size) {
            enum err e = read_blob(&b, bad, &why);

            assert_true(e == ERR_OK || why != NULL);
        }
        free(bad);
    }
    for (size_t cut = 40; cut < size; cut += 4) {
        char *bad = malloc(size);

        memcpy(bad, good, size);
        memset(bad + cut, 0, size - cut);
        if (fdt_check_header(bad) == 0) {
            (void)!read_blob(&b, bad, &why);
        }
        free(bad);
    }
    free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qemu_with_aia),        cmocka_unit_test(qemu_with_plic),
        cmocka_unit_test(an_odd_machine),       cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(nop_tags_are_skipped), cmocka_unit_test(damaged_ones_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
