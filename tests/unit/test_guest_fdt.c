/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/guest_fdt.c core/manifest_read.c core/manifest_props.c core/manifest_peers.c
 *       core/manifest_check.c core/manifest_sched.c core/manifest_host.c core/power_graph.c
 *       core/board.c
 * core/board_walk.c core/fdt.c core/ram.c core/pagepool.c tests/unit/dts.c tests/unit/fake_arch.c
 *       tests/unit/fake_memory.c tests/unit/fake_setup.c tests/unit/fake_core.c libfdt bearssl */
/* The FDT of a VM, read back with libfdt: from the demo's manifest, and with odd host devices. */
#include "core/fdt.h"
#include "core/guest_fdt.h"
#include "core/ipc.h"
#include "core/pagepool.h"
#include "core/power_ctl.h"
#include "core/vdev.h"
#include "tests/unit/dts.h"
#include "tests/unit/fake_arch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static _Alignas(64) char arena[8u << 20];
static _Alignas(8) char fdt[16u << 10];
static void *host_fdt, *manifest_blob;

/* ---- what other modules write ---------------------------------------------------------------- */

enum err ipc_fdt(const struct vm *vm, void *out)
{
    (void)vm;
    return fdt_begin_node(out, "channel@0") == 0 && fdt_end_node(out) == 0 ? ERR_OK : ERR_RANGE;
}

enum err power_ctl_fdt(const struct vm *vm, void *out)
{
    (void)vm;
    return fdt_begin_node(out, "power") == 0 && fdt_end_node(out) == 0 ? ERR_OK : ERR_RANGE;
}

static enum err chip_node(struct virqchip *chip, void *out)
{
    int bad = fdt_begin_node(out, "interrupt-controller@d000000");

    bad |= fdt_property(out, "interrupt-controller", NULL, 0);
    bad |= fdt_property_u32(out, "#interrupt-cells", chip->vm->has_imsic ? 2 : 1);
    bad |= fdt_property_u32(out, "#address-cells", 0);
    bad |= fdt_property_u32(out, "phandle", VIRQ_PHANDLE);
    bad |= fdt_property(out, "reg", "\0\0\0\0\x0d\0\0\0\0\0\0\0\0\0\x80\0", 16);
    bad |= fdt_end_node(out);
    return bad == 0 ? ERR_OK : ERR_RANGE;
}

static enum err uart_node(const struct vdev *dev, void *out)
{
    (void)dev;
    return fdt_begin_node(out, "serial@10000000") == 0 &&
                   fdt_property(out, "reg", "\0\0\0\0\x10\0\0\0\0\0\0\0\0\0\x01\0", 16) == 0 &&
                   fdt_end_node(out) == 0
               ? ERR_OK
               : ERR_RANGE;
}

static const struct virqchip_ops chip_ops = {.fdt_node = chip_node};
static const struct vdev_ops uart_ops = {.fdt_node = uart_node};

/* ---- a VM of the demo ---------------------------------------------------------------------------
 */

static struct virqchip chip;
static struct vdev uart;

static void told(void *arg, const char *node, const char *prop, const char *text)
{
    (void)arg;
    print_error("%s: %s: %s\n", node, prop != NULL ? prop : "", text);
}

/* VM index of the manifest as vm_build() leaves it, as far as its FDT goes. */
static struct vm *make_vm(const char *manifest, uint32_t index, bool imsic)
{
    size_t size;
    struct vm *vm;

    free(manifest_blob);
    manifest_blob = dts_blob(manifest, &size);
    assert_int_equal(manifest_read(&machine.manifest, manifest_blob, size, &machine.board, NULL,
                                   NULL, told, NULL),
                     ERR_OK);
    vm = fake_vm_add("vm", machine.manifest.vms[index].vcpu_count, 0, 0x80000000, 0x1000);
    vm->config = &machine.manifest.vms[index];
    vm->has_imsic = imsic;
    chip = (struct virqchip){.ops = &chip_ops, .vm = vm};
    uart = (struct vdev){.ops = &uart_ops};
    vm->irqchip = &chip;
    vm->vdevs = &uart;
    return vm;
}

static void start(void)
{
    const char *why = NULL;

    fake_init(4);
    pool_init(arena, sizeof(arena));
    assert_int_equal(board_read(&machine.board, host_fdt, &why), ERR_OK);
}

static int setup(void **state)
{
    (void)state;
    host_fdt = dts_of_qemu("-M virt,aia=aplic-imsic,aia-guests=5 -smp 4 -m 2G", NULL);
    start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    free(host_fdt);
    free(manifest_blob);
    host_fdt = manifest_blob = NULL;
    return 0;
}

/* ---- reading back
 * ---------------------------------------------------------------------------------- */

static int node_at(const char *path)
{
    int node = fdt_path_offset(fdt, path);

    if (node < 0) {
        fail_msg("no node %s", path);
    }
    return node;
}

static void assert_text(const char *path, const char *prop, const char *value)
{
    const char *s = fdt_prop_string(fdt, node_at(path), prop);

    assert_non_null(s);
    assert_string_equal(s, value);
}

static void expect_cells(const char *path, const char *prop, uint32_t count, ...)
{
    int len;
    const fdt32_t *cells = fdt_getprop(fdt, node_at(path), prop, &len);
    va_list args;

    assert_non_null(cells);
    assert_int_equal(len, 4 * count);
    va_start(args, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(fdt32_ld(&cells[i]), va_arg(args, uint32_t));
    }
    va_end(args);
}

static bool has_prop(const char *path, const char *prop)
{
    return fdt_getprop(fdt, node_at(path), prop, NULL) != NULL;
}

static void expect_sound(void)
{
    char name[DTS_NAME_MAX];
    char command[128];
    FILE *f;

    assert_int_equal(fdt_check_full(fdt, sizeof(fdt)), 0);
    dts_scratch_name(name);
    f = fopen(name, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(fdt, 1, fdt_totalsize(fdt), f), fdt_totalsize(fdt));
    assert_int_equal(fclose(f), 0);
    snprintf(command, sizeof(command), "dtc -q -I dtb -O dts %s >/dev/null", name);
    assert_int_equal(system(command), 0);
    unlink(name);
}

static void the_demos_control(void **state)
{
    char *demo = dts_file("platforms/qemu-virt/demo.dts", NULL);
    struct vm *vm = make_vm(demo, 0, true);
    struct guest_initrd initrd = {gpa(0x84000000), 0x1234};
    int len;

    (void)state;
    assert_int_equal(guest_fdt_write(vm, &initrd, fdt, sizeof(fdt)), ERR_OK);
    expect_sound();
    assert_text("/", "compatible", "curia,vm");
    expect_cells("/", "#address-cells", 1, 2u);
    assert_text("/chosen", "bootargs", "console=ttyS0 cryptomgr.notests");
    assert_text("/chosen", "stdout-path", "/soc/serial@10000000");
    expect_cells("/chosen", "linux,initrd-start", 2, 0u, 0x84000000u);
    expect_cells("/chosen", "linux,initrd-end", 2, 0u, 0x84001234u);
    assert_non_null(fdt_getprop(fdt, node_at("/chosen"), "rng-seed", &len));
    assert_int_equal(len, 32);
    assert_text("/memory@80000000", "device_type", "memory");
    expect_cells("/memory@80000000", "reg", 4, 0u, 0x80000000u, 0u, 0x10000000u);
    node_at("/cpus/cpu@0");
    assert_true(has_prop("/soc", "ranges"));
    assert_text("/soc/rtc@101000", "compatible", "google,goldfish-rtc");
    expect_cells("/soc/rtc@101000", "reg", 4, 0u, 0x101000u, 0u, 0x1000u);
    expect_cells("/soc/rtc@101000", "interrupt-parent", 1, VIRQ_PHANDLE);
    expect_cells("/soc/rtc@101000", "interrupts", 2, 11u, 4u);
    assert_text("/curia", "compatible", "curia,hypervisor");
    assert_text("/curia", "vm-name", "control");
    node_at("/curia/power");
    node_at("/curia/channel@0");
    free(demo);
}

static void on_a_plic_and_without_initrd(void **state)
{
    char *demo = dts_file("platforms/qemu-virt/demo.dts", NULL);
    struct vm *vm = make_vm(demo, 0, false);
    struct guest_initrd none = {gpa(0), 0};

    (void)state;
    assert_int_equal(guest_fdt_write(vm, &none, fdt, sizeof(fdt)), ERR_OK);
    expect_cells("/soc/rtc@101000", "interrupts", 1, 11u);
    assert_false(has_prop("/chosen", "linux,initrd-start"));
    free(demo);
}

static void seeds_are_fresh(void **state)
{
    char *demo = dts_file("platforms/qemu-virt/demo.dts", NULL);
    struct vm *vm = make_vm(demo, 1, true);
    struct guest_initrd none = {gpa(0), 0};
    unsigned char seeds[8][32];

    (void)state;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(guest_fdt_write(vm, &none, fdt, sizeof(fdt)), ERR_OK);
        memcpy(seeds[i], fdt_getprop(fdt, node_at("/chosen"), "rng-seed", NULL), 32);
        for (int k = 0; k < i; k++) {
            assert_memory_not_equal(seeds[i], seeds[k], 32);
        }
    }
    assert_memory_not_equal(seeds[0], machine.board.rng_seed, 32);
    free(demo);
}

static void a_full_buffer_is_an_error(void **state)
{
    char *demo = dts_file("platforms/qemu-virt/demo.dts", NULL);
    struct vm *vm = make_vm(demo, 0, true);
    struct guest_initrd none = {gpa(0), 0};
    uint32_t size;

    (void)state;
    assert_int_equal(guest_fdt_write(vm, &none, fdt, sizeof(fdt)), ERR_OK);
    size = fdt_totalsize(fdt);
    for (uint32_t n = 0; n < size; n += 4) {
        char *small = malloc(n + 1); /* exact, for the sanitizer */

        assert_int_equal(guest_fdt_write(vm, &none, small, n), ERR_RANGE);
        free(small);
    }
    free(demo);
}

static const char odd_host[] =
    "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>;\n"
    "  cpus { #address-cells = <1>; #size-cells = <0>; timebase-frequency = <1000000>;\n"
    "    cpu@0 { device_type = \"cpu\"; reg = <0>; riscv,isa = \"rv64imafdch\";\n"
    "      interrupt-controller { interrupt-controller; #interrupt-cells = <1>; }; }; };\n"
    "  memory@80000000 { device_type = \"memory\"; reg = <0 0x80000000 0 0x40000000>; };\n"
    "  osc: osc { compatible = \"fixed-clock\"; #clock-cells = <0>; clock-frequency = <24000000>; "
    "};\n"
    "  pll: pll { compatible = \"maker,pll\"; #clock-cells = <1>; };\n"
    "  soc { #address-cells = <1>; #size-cells = <1>; ranges = <0x0 0x1 0x0 0x10000000>;\n"
    "    compatible = \"simple-bus\";\n"
    "    plic: plic@0 { compatible = \"riscv,plic0\"; reg = <0x0 0x1000>; #interrupt-cells = <1>;\n"
    "      interrupt-controller; };\n"
    "    can@20000 { compatible = \"maker,can\"; reg = <0x20000 0x1000 0x22000 0x1000>;\n"
    "      reg-names = \"core\", \"msg\"; interrupt-parent = <&plic>; interrupts = <5 6>;\n"
    "      clocks = <&osc>; clock-names = \"can\"; bus-width = <8>; status = \"okay\";\n"
    "      vdd-supply = <&osc>; reset-gpios = <&plic 1>; phandle = <77>; };\n"
    "    adc@30000 { compatible = \"maker,adc\"; reg = <0x30000 0x1000>; clocks = <&pll 1>;\n"
    "      clock-names = \"adc\"; };\n"
    "    near@40000 { compatible = \"maker,near\"; reg = <0x40000 0x100>; };\n"
    "    same@40800 { compatible = \"maker,same\"; reg = <0x40800 0x100>; };\n"
    "    line@50000 { compatible = \"maker,line\"; reg = <0x50000 0x1000>;\n"
    "      interrupt-parent = <&plic>; interrupts = <6>; };\n"
    "    gpio: gpio@60000 { compatible = \"maker,gpio\"; reg = <0x60000 0x1000>;\n"
    "      #interrupt-cells = <2>; interrupt-controller; };\n"
    "    key@70000 { compatible = \"maker,key\"; reg = <0x70000 0x1000>;\n"
    "      interrupt-parent = <&gpio>; interrupts = <3 1>; };\n"
    "  };\n"
    "};\n";

static const char odd_manifest[] =
    "/dts-v1/; / { compatible = \"curia,manifest\"; version = <1>;\n"
    "  one { compatible = \"curia,vm\"; harts = <0>; memory = <0 0x80000000 0 0x1000000>;\n"
    "    kernel = \"k\";\n"
    "    can { compatible = \"curia,passthrough\"; host-path = \"/soc/can@20000\"; dma = \"none\"; "
    "};\n"
    "    adc { compatible = \"curia,passthrough\"; host-path = \"/soc/adc@30000\"; dma = \"none\"; "
    "};\n"
    "  };\n"
    "};\n";

static void use_odd_host(void)
{
    free(host_fdt);
    host_fdt = dts_blob(odd_host, NULL);
    fake_end();
    start();
}

static void host_nodes_are_made_to_fit(void **state)
{
    struct guest_initrd none = {gpa(0), 0};
    struct vm *vm;
    const char *can = "/soc/can@100020000";
    uint32_t clock;

    (void)state;
    use_odd_host();
    vm = make_vm(odd_manifest, 0, false);
    assert_int_equal(guest_fdt_write(vm, &none, fdt, sizeof(fdt)), ERR_OK);
    expect_sound();
    expect_cells(can, "reg", 8, 1u, 0x20000u, 0u, 0x1000u, 1u, 0x22000u, 0u, 0x1000u);
    expect_cells(can, "interrupts", 2, 5u, 6u);
    expect_cells(can, "interrupt-parent", 1, VIRQ_PHANDLE);
    expect_cells(can, "bus-width", 1, 8u);
    assert_true(has_prop(can, "reg-names"));
    assert_false(has_prop(can, "vdd-supply"));
    assert_false(has_prop(can, "reset-gpios"));
    assert_false(has_prop(can, "phandle"));
    assert_false(has_prop(can, "status"));
    assert_text(can, "clock-names", "can");
    clock = fdt_prop_u32(fdt, node_at(can), "clocks", 0);
    assert_int_equal(
        fdt_prop_u32(fdt, fdt_node_offset_by_phandle(fdt, clock), "clock-frequency", 0), 24000000);
    assert_false(has_prop("/soc/adc@100030000", "clocks")); /* its PLL stays the host's affair */
    assert_false(has_prop("/soc/adc@100030000", "clock-names"));
    assert_false(has_prop("/soc/adc@100030000", "interrupts"));
}

static char last_text[256];

static void keep(void *arg, const char *node, const char *prop, const char *text)
{
    (void)arg;
    (void)node;
    (void)prop;
    snprintf(last_text, sizeof(last_text), "%s", text);
}

static void expect_refused(const char *from, const char *to, const char *text)
{
    char *source = dts_replace(odd_manifest, from, to);
    size_t size;
    void *blob = dts_blob(source, &size);
    struct manifest m;

    last_text[0] = '\0';
    assert_int_equal(manifest_read(&m, blob, size, &machine.board, NULL, NULL, keep, NULL),
                     ERR_INVALID);
    if (strstr(last_text, text) == NULL) {
        fail_msg("not \"%s\" but \"%s\"", text, last_text);
    }
    free(blob);
    free(source);
}

/* What isolation forbids, on a machine whose devices lie closer than QEMU's. */
/* A UART of the machine that is the VM's is where it says its first words. */
static void a_given_uart_is_stdout(void **state)
{
    char *source =
        dts_replace(odd_manifest, "version = <1>;", "version = <1>; console = \"firmware\";");
    struct guest_initrd none = {gpa(0), 0};

    (void)state;
    use_odd_host();
    machine.board.stdout_dev = board_by_path(&machine.board, "/soc/adc@30000");
    assert_non_null(machine.board.stdout_dev);
    assert_int_equal(guest_fdt_write(make_vm(source, 0, false), &none, fdt, sizeof(fdt)), ERR_OK);
    assert_text("/chosen", "stdout-path", "/soc/adc@100030000");
    free(source);
}

static void neighbours_and_shared_lines_are_refused(void **state)
{
    (void)state;
    use_odd_host();
    expect_refused("/soc/adc@30000", "/soc/near@40000",
                   "shares a page of registers with same@40800");
    expect_refused("/soc/adc@30000", "/soc/key@70000", "goes to gpio@60000, which is not");
    expect_refused(
        "    adc {",
        "  };\n  two { compatible = \"curia,vm\"; harts = <0>; kernel = \"k\";\n"
        "    memory = <0 0x80000000 0 0x1000000>;\n"
        "    line { compatible = \"curia,passthrough\"; host-path = \"/soc/line@50000\"; "
        "dma = \"none\"; };\n    adc {",
        "is that of /soc/can@20000 in VM one too");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_demos_control, setup, teardown),
        cmocka_unit_test_setup_teardown(on_a_plic_and_without_initrd, setup, teardown),
        cmocka_unit_test_setup_teardown(seeds_are_fresh, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_buffer_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(host_nodes_are_made_to_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_given_uart_is_stdout, setup, teardown),
        cmocka_unit_test_setup_teardown(neighbours_and_shared_lines_are_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
