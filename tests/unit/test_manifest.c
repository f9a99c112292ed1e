/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/manifest_read.c core/manifest_props.c core/manifest_peers.c core/manifest_check.c
 *       core/manifest_sched.c core/manifest_host.c core/board.c core/board_walk.c core/fdt.c
 *       core/ram.c
 *       core/power_graph.c core/pagepool.c tests/unit/dts.c libfdt */
/* A manifest without fault, and each mistake by its message, node and property. */
#include "core/board.h"
#include "core/manifest.h"
#include "core/pagepool.h"
#include "core/trace.h"
#include "tests/unit/dts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

static const char base[] =
    "/dts-v1/;\n"
    "/ {\n"
    "    compatible = \"curia,manifest\";\n"
    "    version = <1>;\n"
    "    power-deadline-ms = <60000>;\n"
    "    a: alpha {\n"
    "        compatible = \"curia,vm\";\n"
    "        harts = <0>;\n"
    "        memory = <0x0 0x80000000 0x0 0x10000000>;\n"
    "        kernel = \"kernel\";\n"
    "        bootargs = \"console=ttyS0\";\n"
    "        power-may-initiate = \"off\", \"emergency\";\n"
    "        power-may-veto;\n"
    "        privileges = \"manage\";\n"
    "        crash-policy = \"restart\";\n"
    "        uart { compatible = \"ns16550a\"; address = <0x0 0x10000000>; interrupt = <10>; };\n"
    "        rtc { compatible = \"curia,passthrough\"; host-path = \"/soc/rtc@101000\";\n"
    "            dma = \"none\"; };\n"
    "    };\n"
    "    b: beta {\n"
    "        compatible = \"curia,vm\";\n"
    "        harts = <2 1>;\n"
    "        memory = <0x0 0x80000000 0x0 0x8000000 0x0 0x90000000 0x0 0x1000>;\n"
    "        kernel = \"kernel\";\n"
    "        initrd = \"initrd\";\n"
    "        irqchip = \"plic\";\n"
    "        power-superiors = <&a>;\n"
    "        power-stop-timeout-ms = <7000>;\n"
    "        no-autostart;\n"
    "        b_uart: uart { compatible = \"ns16550a\"; address = <0x0 0x10000000>;\n"
    "            interrupt = <32>; };\n"
    "        key { compatible = \"curia,power-key\"; address = <0x0 0x10001000>;\n"
    "            interrupt = <9>; };\n"
    "    };\n"
    "    channels {\n"
    "        talk { between = <&a &b>; };\n"
    "        news { from = <&b>; to = <&a>; interrupts-of-ends = <40 41>; };\n"
    "    };\n"
    "    shared-memory {\n"
    "        map { address = <0x0 0x70000000>; size = <0x0 0x10000>;\n"
    "            writers = <&a>; readers = <&b>; };\n"
    "    };\n"
    "};\n";

struct findings {
    uint32_t count;
    char lines[64][512]; /* "node|prop|text" */
};

static void collect(void *arg, const char *node, const char *prop, const char *text)
{
    struct findings *f = arg;

    assert_non_null(node);
    assert_non_null(text);
    if (f->count < 64) {
        snprintf(f->lines[f->count], sizeof(f->lines[0]), "%s|%s|%s", node,
                 prop != NULL ? prop : "-", text);
    }
    f->count++;
}

static bool known_image(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "kernel") == 0 || strcmp(name, "initrd") == 0 || strcmp(name, "rtos") == 0;
}

static _Alignas(64) char arena[16u << 20];
static struct board aia_board, plic_board;
static void *aia_fdt, *plic_fdt;

static int group_setup(void **state)
{
    const char *why = NULL;

    (void)state;
    pool_init(arena, sizeof(arena));
    aia_fdt = dts_of_qemu("-M virt,aclint=on,aia=aplic-imsic,aia-guests=5 -smp 4 -m 2G", NULL);
    plic_fdt = dts_of_qemu("-M virt -smp 4 -m 2G", NULL);
    assert_int_equal(board_read(&aia_board, aia_fdt, &why), ERR_OK);
    assert_int_equal(board_read(&plic_board, plic_fdt, &why), ERR_OK);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    free(aia_fdt);
    free(plic_fdt);
    return 0;
}

static enum err read_source(const char *source, const struct board *board, struct manifest *m,
                            struct findings *f, void **blob)
{
    size_t size;

    *blob = dts_blob(source, &size);
    f->count = 0;
    return manifest_read(m, *blob, size, board, known_image, NULL, collect, f);
}

static void good_one_is_read(void **state)
{
    struct manifest m;
    struct findings f;
    void *blob;
    const struct vm_config *a, *b;

    (void)state;
    assert_int_equal(read_source(base, &aia_board, &m, &f, &blob), ERR_OK);
    assert_int_equal(f.count, 0);
    assert_int_equal(m.vm_count, 2);
    assert_int_equal(m.deadline_us, 60000000);
    a = &m.vms[0];
    b = &m.vms[1];
    assert_string_equal(a->name, "alpha");
    assert_int_equal(a->vcpu_count, 1);
    assert_int_equal(a->harts[0], 0);
    assert_int_equal(a->mem_count, 1);
    assert_int_equal(a->mem[0].gpa, 0x80000000);
    assert_int_equal(a->mem[0].size, 0x10000000);
    assert_false(a->mem[0].identity);
    assert_string_equal(a->kernel, "kernel");
    assert_null(a->initrd);
    assert_string_equal(a->bootargs, "console=ttyS0");
    assert_int_equal(a->irqchip, IRQCHIP_BEST);
    assert_int_equal(a->power.may_initiate, POWER_MAY(POWER_OFF) | POWER_MAY_EMERGENCY);
    assert_true(a->power.may_veto);
    assert_int_equal(a->power.superiors, 0);
    assert_int_equal(a->power.stop_us, 10000000);
    assert_int_equal(a->privileges, PRIV_MANAGE | PRIV_INFO);
    assert_int_equal(a->crash, CRASH_RESTART);
    assert_true(a->autostart);
    assert_int_equal(a->vdev_count, 1);
    assert_int_equal(a->vdevs[0].gpa, 0x10000000);
    assert_int_equal(a->vdevs[0].irq, 10);
    assert_int_equal(a->passthrough_count, 1);
    assert_non_null(a->passthrough[0].dev);
    assert_int_equal(a->passthrough[0].dev->irqs[0].source, 11);
    assert_int_equal(a->vdevs[0].kind, VDEV_UART);
    assert_int_equal(b->vdev_count, 2);
    assert_int_equal(b->vdevs[0].kind, VDEV_UART);
    assert_int_equal(b->vdevs[1].kind, VDEV_POWER_KEY);
    assert_int_equal(b->vdevs[1].gpa, 0x10001000);
    assert_int_equal(b->vdevs[1].irq, 9);
    assert_int_equal(b->passthrough_count, 0);
    assert_int_equal(b->vcpu_count, 2);
    assert_int_equal(b->harts[0], 2);
    assert_int_equal(b->harts[1], 1);
    assert_int_equal(b->mem_count, 2);
    assert_int_equal(b->irqchip, IRQCHIP_PLIC);
    assert_int_equal(b->power.superiors, 1);
    assert_int_equal(b->power.stop_us, 7000000);
    assert_false(b->autostart);
    assert_int_equal(m.channel_count, 2);
    assert_string_equal(m.channels[0].name, "talk");
    assert_true(m.channels[0].end[0].send && m.channels[0].end[0].receive);
    assert_int_equal(m.channels[0].end[0].irq, 1); /* the lowest free ones */
    assert_int_equal(m.channels[0].end[1].irq, 1);
    assert_int_equal(a->power_irq, 2);
    assert_int_equal(a->source_count, 41); /* of news */
    assert_int_equal(b->power_irq, 2);
    assert_int_equal(b->source_count, 40);
    assert_int_equal(m.channels[1].end[0].vm, 1);
    assert_true(m.channels[1].end[0].send && !m.channels[1].end[0].receive);
    assert_true(!m.channels[1].end[1].send && m.channels[1].end[1].receive);
    assert_int_equal(m.channels[1].end[0].irq, 40);
    assert_int_equal(m.channels[1].end[1].irq, 41);
    assert_int_equal(m.shmem_count, 1);
    assert_int_equal(m.shmems[0].size, 0x10000);
    assert_int_equal(m.shmems[0].end_count, 2);
    assert_true(m.shmems[0].ends[0].write && !m.shmems[0].ends[1].write);
    free(blob);
}

/* The board's UART is a VM's where Curia does without. */
static void the_console(void **state)
{
    char *without = dts_replace(base,
                                "        uart { compatible = \"ns16550a\"; "
                                "address = <0x0 0x10000000>; interrupt = <10>; };\n",
                                "");
    char *given = dts_replace(without, "/soc/rtc@101000", "/soc/serial@10000000");
    char *source = dts_replace(given, "version = <1>;", "version = <1>; console = \"firmware\";");
    struct manifest m;
    struct findings f;
    void *blob;

    (void)state;
    assert_int_equal(read_source(base, &aia_board, &m, &f, &blob), ERR_OK);
    assert_int_equal(m.console, CONSOLE_UART);
    free(blob);
    assert_int_equal(read_source(source, &aia_board, &m, &f, &blob), ERR_OK);
    assert_int_equal(m.console, CONSOLE_FIRMWARE);
    assert_ptr_equal(m.vms[0].passthrough[0].dev, aia_board.stdout_dev);
    free(blob);
    free(source);
    free(given);
    free(without);
}

static void the_trace(void **state)
{
    char *source = dts_replace(base, "version = <1>;",
                               "version = <1>; trace-kib = <64>; trace-at-boot = \"switch\", "
                               "\"lifecycle\";");
    char *viewer = dts_replace(source, "privileges = \"manage\"", "privileges = \"trace\"");
    struct manifest m;
    struct findings f;
    void *blob;

    (void)state;
    assert_int_equal(read_source(base, &aia_board, &m, &f, &blob), ERR_OK);
    assert_int_equal(m.trace_kib + m.trace_at_boot, 0);
    free(blob);
    assert_int_equal(read_source(viewer, &aia_board, &m, &f, &blob), ERR_OK);
    assert_int_equal(m.trace_kib, 64);
    assert_int_equal(m.trace_at_boot, TRACE_SWITCH | TRACE_LIFECYCLE);
    assert_int_equal(m.vms[0].privileges, PRIV_TRACE | PRIV_INFO);
    free(blob);
    free(viewer);
    free(source);
}

static void must_fit(const char *source, const struct board *board, uint32_t vms)
{
    struct manifest m;
    struct findings f;
    void *blob;
    enum err e = read_source(source, board, &m, &f, &blob);

    if (f.count > 0) {
        fail_msg("%s", f.lines[0]);
    }
    assert_int_equal(e, ERR_OK);
    assert_int_equal(m.vm_count, vms);
    free(blob);
}

static void the_demo_fits_both_machines(void **state)
{
    char *demo = dts_file("platforms/qemu-virt/demo.dts", NULL);
    char *overlay = dts_file("platforms/qemu-virt/demo-shared.dts", NULL);
    char *shared = dts_replace(overlay, "/include/ \"demo.dts\"", demo);
    const struct board *boards[] = {&aia_board, &plic_board, NULL};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(boards); i++) {
        must_fit(demo, boards[i], 3);
        must_fit(shared, boards[i], 3);
    }
    free(shared);
    free(overlay);
    free(demo);
}

static void the_examples_of_the_documentation(void **state)
{
    static const uint32_t vms[] = {2, 3};
    char *text = dts_file("docs/manifest.md", NULL);
    const char *at = text;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(vms); i++) {
        char *end;
        char *begin = strstr(at, "```dts\n");

        assert_non_null(begin);
        begin += strlen("```dts\n");
        end = strstr(begin, "```");
        assert_non_null(end);
        *end = '\0';
        must_fit(begin, &aia_board, vms[i]);
        at = end + 1;
    }
    assert_null(strstr(at, "```dts\n"));
    free(text);
}

/* A blob that lies at 4 mod 8, as data within a FIT may. */
static void any_alignment_will_do(void **state)
{
    size_t size;
    void *blob = dts_blob(base, &size);
    char *moved = malloc(size + 8);
    struct manifest m;

    (void)state;
    memcpy(moved + 4, blob, size);
    assert_int_equal(manifest_read(&m, moved + 4, size, NULL, NULL, NULL, NULL, NULL), ERR_OK);
    assert_string_equal(m.vms[1].name, "beta");
    free(moved);
    free(blob);
}

struct mistake {
    const char *from, *to; /* in base */
    const char *node, *prop, *text;
};

static const struct mistake mistakes[] = {
    /* The whole. */
    {"\"curia,manifest\"", "\"other\"", "/", "compatible", "must be \"curia,manifest\""},
    {"version = <1>", "version = <2>", "/", "version", "must be <1>"},
    {"version = <1>;", "", "/", "version", "must be <1>"},
    {"version = <1>;", "version = <1>; trace-kib = <2>;", "/", "trace-kib",
     "is 2: must be 4 to 1024"},
    {"version = <1>;", "version = <1>; trace-at-boot = \"exit\";", "/", "trace-at-boot",
     "needs trace-kib"},
    {"version = <1>;", "version = <1>; trace-kib = <4>; trace-at-boot = \"exits\";", "/",
     "trace-at-boot", "must be a list of \"switch\", \"exit\""},
    {"power-deadline-ms", "power-dedline-ms", "/", "power-dedline-ms",
     "did you mean power-deadline-ms?"},
    {"compatible = \"curia,vm\";\n        harts = <0>", "harts = <0>", "/alpha", "compatible",
     "must be \"curia,vm\""},
    /* Names. */
    {"b: beta", "b: Beta", "/Beta", "-", "bad name"},
    {"b: beta", "b: b2345678901234567890123456789012", "/b2345678901234567890123456789012", "-",
     "bad name"},
    {"talk {", "1talk {", "/channels/1talk", "-", "bad name"},
    {"map {", "m.p {", "/shared-memory/m.p", "-", "bad name"},
    /* Properties: unknown, of the wrong shape, out of range. */
    {"bootargs =", "bootarg =", "/alpha", "bootarg", "did you mean bootargs?"},
    {"bootargs =", "colour =", "/alpha", "colour", "docs/manifest.md"},
    {"power-may-veto;", "power-may-veto = <1>;", "/alpha", "power-may-veto", "must have no value"},
    {"kernel = \"kernel\"", "kernel = <1 2>", "/alpha", "kernel", "must be one string"},
    {"kernel = \"kernel\"", "kernel = \"\"", "/alpha", "kernel", "must be one string"},
    {"irqchip = \"plic\"", "irqchip = \"gic\"", "/beta", "irqchip",
     "must be \"best\", \"aia\" or \"plic\""},
    {"crash-policy = \"restart\"", "crash-policy = \"panic\"", "/alpha", "crash-policy",
     "must be \"off\", \"restart\" or \"escalate\""},
    {"\"off\", \"emergency\"", "\"off\", \"sleep\"", "/alpha", "power-may-initiate",
     "must be a list of \"off\", \"reset-cold\""},
    {"privileges = \"manage\"", "privileges = \"root\"", "/alpha", "privileges",
     "must be a list of"},
    {"power-stop-timeout-ms = <7000>", "power-stop-timeout-ms = <0>", "/beta",
     "power-stop-timeout-ms", "is 0: must be 1 to 3600000 milliseconds"},
    {"power-stop-timeout-ms = <7000>", "power-stop-timeout-ms = <0 7000>", "/beta",
     "power-stop-timeout-ms", "must be one cell"},
    /* vCPUs and harts. */
    {"harts = <0>;", "", "/alpha", "harts", "must list the hart of each vCPU"},
    {"harts = <0>;", "harts = \"0\";", "/alpha", "harts", "must list the hart of each vCPU"},
    {"harts = <2 1>;", "harts = <2 1>; vcpus = <3>;", "/beta", "vcpus", "is 3, but harts lists 2"},
    {"harts = <2 1>", "harts = <2 7>", "/beta", "harts", "there is no hart 7: this machine has 4"},
    /* Memory. */
    {"memory = <0x0 0x80000000 0x0 0x10000000>;", "", "/alpha", "memory", "must list address and"},
    {"memory = <0x0 0x80000000 0x0 0x10000000>", "memory = <0x80000000 0x10000000>", "/alpha",
     "memory", "two cells each"},
    {"<0x0 0x80000000 0x0 0x10000000>", "<0x0 0x80000000 0x0 0x10000800>", "/alpha", "memory",
     "multiples of 4 KiB"},
    {"<0x0 0x80000000 0x0 0x10000000>", "<0x0 0x80000000 0x0 0x0>", "/alpha", "memory",
     "the size not 0"},
    {"<0x0 0x80000000 0x0 0x10000000>", "<0xffffffff 0x80000000 0x0 0x10000000>", "/alpha",
     "memory", "guest addresses end at"},
    {"<0x0 0x80000000 0x0 0x10000000>", "<0x0 0x80000000 0xffffffff 0xfffff000>", "/alpha",
     "memory", "guest addresses end at"},
    {"0x0 0x90000000 0x0 0x1000", "0x0 0x87fff000 0x0 0x1000", "/beta", "memory",
     "overlaps the memory at 0x80000000"},
    {"<0x0 0x80000000 0x0 0x10000000>", "<0x0 0x0 0x0 0x10000000>", "/alpha", "memory",
     "overlaps the interrupt controller"},
    {"<0x0 0x80000000 0x0 0x10000000>", "<0x0 0x80000000 0x0 0x80000000>", "/beta", "memory",
     "do not fit into this machine's RAM"},
    {"<0x0 0x80000000 0x0 0x10000000>;", "<0x1 0x80000000 0x0 0x10000000>; memory-identity;",
     "/alpha", "memory-identity", "is not free RAM of this machine"},
    /* Images. */
    {"kernel = \"kernel\";", "", "/alpha", "kernel", "is missing"},
    {"kernel = \"kernel\"", "kernel = \"vmlinux\"", "/alpha", "kernel", "no image \"vmlinux\""},
    {"initrd = \"initrd\"", "initrd = \"nope\"", "/beta", "initrd", "no image \"nope\""},
    {"bootargs =", "fdt =", "/alpha", "fdt", "no image \"console=ttyS0\""},
    /* Devices. */
    {"compatible = \"ns16550a\"", "compatible = \"pl011\"", "/alpha/uart", "compatible",
     "must say what the device is"},
    {"address = <0x0 0x10000000>; ", "", "/alpha/uart", "address", "is missing"},
    {"address = <0x0 0x10001000>;", "", "/beta/key", "address", "is missing"},
    {"address = <0x0 0x10001000>", "address = <0x0 0x10000000>", "/beta/key", "address",
     "overlaps the device at 0x10000000"},
    {"interrupt = <9>", "interrupt = <40>", "/channels/news", "interrupts-of-ends",
     "is used twice"},
    {"interrupt = <9>", "irq = <9>", "/beta/key", "interrupt", "is missing"},
    {"address = <0x0 0x10000000>; ", "address = <0x10000000>; ", "/alpha/uart", "address",
     "must be two cells"},
    {"interrupt = <10>;", "", "/alpha/uart", "interrupt", "is missing"},
    {"interrupt = <10>", "interrupt = <1024>", "/alpha/uart", "interrupt",
     "is 1024: must be 1 to 1023"},
    {"interrupt = <10>", "interrupt = <0>", "/alpha/uart", "interrupt", "is 0: must be 1 to 1023"},
    {"interrupt = <10>", "interrupt = <11>", "/alpha/rtc", "host-path",
     "interrupt source 11 of VM alpha is used twice"},
    {"address = <0x0 0x10000000>", "address = <0x0 0x80001000>", "/alpha/uart", "address",
     "overlaps the memory"},
    {"address = <0x0 0x10000000>", "address = <0x0 0x0c200000>", "/alpha/uart", "address",
     "overlaps the interrupt controller"},
    {"address = <0x0 0x10000000>", "address = <0x0 0x28000000>", "/alpha/uart", "address",
     "overlaps the interrupt files"},
    {"address = <0x0 0x10000000>", "address = <0x0 0x101000>", "/alpha/rtc", "host-path",
     "overlaps the device at 0x101000"},
    {"host-path = \"/soc/rtc@101000\";", "", "/alpha/rtc", "host-path", "is missing"},
    {"/soc/rtc@101000", "/soc/rtc@1", "/alpha/rtc", "host-path", "is no enabled device"},
    {"/soc/rtc@101000", "/cpus/cpu@0", "/alpha/rtc", "host-path", "is no enabled device"},
    {"/soc/rtc@101000", "/soc/serial@10000000", "/alpha/rtc", "host-path", "is Curia's own"},
    {"/soc/rtc@101000", "/soc/interrupt-controller@d000000", "/alpha/rtc", "host-path",
     "is Curia's own"},
    {"/soc/rtc@101000", "/soc/test@100000", "/alpha/rtc", "host-path", "is Curia's own"},
    {"/soc/rtc@101000", "/soc/mtimer@2000000", "/alpha/rtc", "host-path", "is Curia's own"},
    {"            dma = \"none\"; };", "};", "/alpha/rtc", "dma",
     "is missing, and there is no IOMMU"},
    {"/soc/rtc@101000", "/soc/virtio_mmio@10001000", "/alpha/rtc", "dma",
     "is \"none\", but /soc/virtio_mmio@10001000 accesses memory by itself"},
    {"dma = \"none\"", "dma = \"trusted\"", "/alpha/rtc", "dma", "needs memory-identity"},
    {"b_uart: uart { compatible = \"ns16550a\"; address = <0x0 0x10000000>;\n"
     "            interrupt = <32>; };",
     "b-rtc { compatible = \"curia,passthrough\"; host-path = \"/soc/rtc@101000\";"
     " dma = \"none\"; };",
     "/beta/b-rtc", "host-path", "belongs to VM alpha already"},
    {"b_uart: uart { compatible = \"ns16550a\"; address = <0x0 0x10000000>;\n"
     "            interrupt = <32>; };",
     "pci { compatible = \"curia,passthrough\"; host-path = \"/soc/pci@30000000\";"
     " dma = \"trusted\"; };",
     "/beta/pci", "dma", "needs memory-identity"},
    /* Power. */
    {"power-superiors = <&a>", "power-superiors = <&b>", "/beta", "power-superiors", "in a circle"},
    {"power-may-veto;", "power-superiors = <&b>;", "/alpha", "power-superiors",
     "in a circle by way of beta"},
    {"power-superiors = <&a>", "power-superiors = <99>", "/beta", "power-superiors",
     "entry 1 is not a VM"},
    {"power-superiors = <&a>", "power-superiors = \"abc\", \"de\"", "/beta", "power-superiors",
     "must be a list of VMs"},
    {"power-deadline-ms = <60000>", "power-deadline-ms = <1000>", "/", "power-deadline-ms",
     "is too short: going down can take 31000 ms"},
    {"power-may-veto;", "power-postpone-budget-ms = <100>;", "/alpha", "power-postpone-quantum-ms",
     "go together"},
    {"power-may-veto;", "power-postpone-quantum-ms = <200>; power-postpone-budget-ms = <100>;",
     "/alpha", "power-postpone-quantum-ms", "not above the budget"},
    /* Channels and shared regions. */
    {"between = <&a &b>", "between = <&a>", "/channels/talk", "-", "joins two VMs"},
    {"between = <&a &b>", "between = <&a &a>", "/channels/talk", "-", "joins two VMs"},
    {"between = <&a &b>", "between = <&a &b &a>", "/channels/talk", "between", "too many entries"},
    {"between = <&a &b>", "between = <&a &b>; from = <&a>; to = <&b>", "/channels/talk", "-",
     "joins two VMs"},
    {"from = <&b>; ", "", "/channels/news", "-", "joins two VMs"},
    {"between = <&a &b>", "between = <&a &b_uart>", "/channels/talk", "between",
     "entry 2 is not a VM"},
    {"interrupts-of-ends = <40 41>", "interrupts-of-ends = <40>", "/channels/news",
     "interrupts-of-ends", "must be two cells"},
    {"interrupts-of-ends = <40 41>", "interrupts-of-ends = <40 10>", "/channels/news",
     "interrupts-of-ends", "interrupt source 10 of VM alpha is used twice"},
    {"interrupts-of-ends = <40 41>", "interrupts-of-ends = <40 1024>", "/channels/news",
     "interrupts-of-ends", "interrupt source 1024 of VM alpha: there are 1 to 1023"},
    {"size = <0x0 0x10000>;", "", "/shared-memory/map", "size", "is missing"},
    {"address = <0x0 0x70000000>;", "", "/shared-memory/map", "address", "is missing"},
    {"size = <0x0 0x10000>", "size = <0x0 0x10001>", "/shared-memory/map", "address",
     "multiples of 4 KiB"},
    {"address = <0x0 0x70000000>", "address = <0x0 0x80000000>", "/shared-memory/map", "address",
     "overlaps the memory"},
    {"writers = <&a>;", "", "/shared-memory/map", "-", "needs at least two VMs"},
    {"readers = <&b>;", "", "/shared-memory/map", "-", "needs at least two VMs"},
    {"readers = <&b>", "readers = <&b &a>", "/shared-memory/map", "readers", "names alpha twice"},
    {"size = <0x0 0x10000>", "size = <0x1 0x0>", "/shared-memory/map", "size",
     "in one piece: ask for less, or for smaller pieces"},
    {"channels {", "channels { colour;", "/channels", "colour", "unknown property"},
};

static void each_mistake_is_told(void **state)
{
    uint32_t missed = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
        const struct mistake *t = &mistakes[i];
        char *source = dts_replace(base, t->from, t->to);
        char head[256];
        struct manifest m;
        struct findings f;
        void *blob;
        bool found = false;

        assert_int_equal(read_source(source, &aia_board, &m, &f, &blob), ERR_INVALID);
        assert_true(f.count > 0);
        snprintf(head, sizeof(head), "%s|%s|", t->node, t->prop);
        for (uint32_t k = 0; k < f.count && k < 64; k++) {
            found = found || (strncmp(f.lines[k], head, strlen(head)) == 0 &&
                              strstr(f.lines[k] + strlen(head), t->text) != NULL);
        }
        if (!found) {
            print_error("not told: %s%s\n", head, t->text);
            for (uint32_t k = 0; k < f.count && k < 64; k++) {
                print_error("    told: %s\n", f.lines[k]);
            }
            missed++;
        }
        free(blob);
        free(source);
    }
    assert_int_equal(missed, 0);
}

static void all_mistakes_come_at_once(void **state)
{
    char *one = dts_replace(base, "kernel = \"kernel\";", "");
    char *two = dts_replace(one, "irqchip = \"plic\"", "irqchip = \"none\"");
    char *three = dts_replace(two, "size = <0x0 0x10000>;", "size = <0x0 0x10001>;");
    struct manifest m;
    struct findings f;
    void *blob;

    (void)state;
    assert_int_equal(read_source(three, &aia_board, &m, &f, &blob), ERR_INVALID);
    assert_true(f.count >= 3);
    free(blob);
    free(three);
    free(two);
    free(one);
}

static void a_plic_machine_has_no_files(void **state)
{
    char *source = dts_replace(base, "irqchip = \"plic\"", "irqchip = \"aia\"");
    struct manifest m;
    struct findings f;
    void *blob;

    (void)state;
    assert_int_equal(read_source(source, &aia_board, &m, &f, &blob), ERR_OK);
    free(blob);
    assert_int_equal(read_source(source, &plic_board, &m, &f, &blob), ERR_INVALID);
    assert_int_equal(f.count, 1);
    assert_non_null(strstr(f.lines[0], "/beta|irqchip|\"aia\", but this machine has no IMSIC"));
    free(blob);
    free(source);
}

/* Builds the RAM of m as vm.c does; false: something finds no place. */
static bool is_placed(const struct manifest *m, struct ram ram)
{
    for (uint32_t v = 0; v < m->vm_count; v++) {
        hpa_t at;

        if (ram_alloc_guest(&ram, m->vms[v].mem[0].gpa, m->vms[v].mem[0].size, m->huge_pages,
                            &at) != ERR_OK) {
            return false;
        }
    }
    return true;
}

/* Room made for the 1 GiB pages of one VM must not cost another its memory at boot. */
static void what_fits_is_placed(void **state)
{
    static const struct {
        uint64_t size[2];
        bool good, huge;
    } cases[] = {
        {{GIB, GIB}, true, true},
        {{GIB + GIB / 2, GIB}, true, true},
        {{GIB + GIB / 2, GIB + GIB / 4}, true, false}, /* a 1 GiB place for the first splits it */
        {{2 * GIB, GIB + 2 * MIB}, false, false},
    };
    struct board board = aia_board;

    (void)state;
    board.ram = (struct ram){.count = 1, .free = {{0xc0000000, 3 * GIB}}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char source[1024];
        size_t at = (size_t)snprintf(source, sizeof(source),
                                     "/dts-v1/; / { compatible = \"curia,manifest\"; "
                                     "version = <1>;\n");
        struct manifest m;
        struct findings f;
        void *blob;

        for (uint32_t v = 0; v < 2; v++) {
            at += (size_t)snprintf(source + at, sizeof(source) - at,
                                   "v%u { compatible = \"curia,vm\"; harts = <%u>; "
                                   "kernel = \"kernel\"; memory = <0 0x80000000 0 0x%x>; };\n",
                                   v, v, (unsigned int)cases[i].size[v]);
        }
        snprintf(source + at, sizeof(source) - at, "};\n");
        assert_int_equal(read_source(source, &board, &m, &f, &blob),
                         cases[i].good ? ERR_OK : ERR_INVALID);
        assert_int_equal(m.huge_pages, cases[i].huge);
        assert_int_equal(is_placed(&m, board.ram), cases[i].good);
        free(blob);
    }
}

static void too_many_vms(void **state)
{
    static char source[64 * 1024];
    size_t at = (size_t)snprintf(source, sizeof(source),
                                 "/dts-v1/; / { compatible = \"curia,manifest\"; version = <1>;\n");
    struct manifest m;
    struct findings f;
    void *blob;

    (void)state;
    for (uint32_t i = 0; i <= MANIFEST_VMS; i++) {
        at += (size_t)snprintf(source + at, sizeof(source) - at,
                               "v%u { compatible = \"curia,vm\"; harts = <%u>; "
                               "kernel = \"kernel\"; memory = <0 0x80000000 0 0x100000>; };\n",
                               i, i);
    }
    snprintf(source + at, sizeof(source) - at, "};\n");
    assert_int_equal(read_source(source, NULL, &m, &f, &blob), ERR_INVALID);
    assert_int_equal(m.vm_count, MANIFEST_VMS);
    assert_int_equal(f.count, 1);
    assert_non_null(strstr(f.lines[0], "one VM too many"));
    free(blob);
}

static void what_is_no_blob(void **state)
{
    static const char text[128] = "this is not a device tree";
    struct manifest m;
    struct findings f = {0};

    (void)state;
    assert_int_equal(manifest_read(&m, text, sizeof(text), NULL, NULL, NULL, collect, &f),
                     ERR_INVALID);
    assert_int_equal(f.count, 1);
    assert_int_equal(manifest_read(&m, text, 3, NULL, NULL, NULL, collect, &f), ERR_INVALID);
}

/* A copy of plic_fdt in which the RTC is as change makes it; the base manifest's findings on it. */
static struct findings *with_rtc(int (*change)(void *fdt, const void *arg), const void *arg)
{
    static struct findings f;
    struct manifest m;
    struct board board = {0};
    const char *why = NULL;
    int size = (int)fdt_totalsize(plic_fdt) + 1024;
    void *fdt = malloc((size_t)size);
    void *blob;

    assert_int_equal(fdt_open_into(plic_fdt, fdt, size), 0);
    assert_int_equal(change(fdt, arg), 0);
    assert_int_equal(board_read(&board, fdt, &why), ERR_OK);
    (void)!read_source(base, &board, &m, &f, &blob);
    free(blob);
    free(fdt);
    return &f;
}

static int mark(void *fdt, const void *name)
{
    return fdt_setprop(fdt, fdt_path_offset(fdt, "/soc/rtc@101000"), name, NULL, 0);
}

/* What an FDT shows of a bus master, by any of the bindings for that, needs an IOMMU or trust. */
static void marks_of_a_bus_master(void **state)
{
    static const char *const names[] = {"dma-coherent", "dma-ranges", "dmas",   "iommus",
                                        "iommu-map",    "msi-parent", "msi-map"};

    (void)state;
    assert_int_equal(with_rtc(mark, "harmless")->count, 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct findings *f = with_rtc(mark, names[i]);

        assert_int_equal(f->count, 1);
        assert_non_null(strstr(f->lines[0], "/alpha/rtc|dma|"));
        assert_non_null(strstr(f->lines[0], "accesses memory by itself"));
    }
}

struct neighbour {
    uint32_t start, size;
    bool shares;
};

/* The RTC's registers end in the middle of a page, and there is another device. */
static int settle(void *fdt, const void *arg)
{
    const struct neighbour *n = arg;
    const fdt64_t own[2] = {cpu_to_fdt64(0x101000), cpu_to_fdt64(0x24)};
    const fdt64_t reg[2] = {cpu_to_fdt64(n->start), cpu_to_fdt64(n->size)};
    int node;

    if (fdt_setprop(fdt, fdt_path_offset(fdt, "/soc/rtc@101000"), "reg", own, sizeof(own)) != 0) {
        return -1;
    }
    node = fdt_add_subnode(fdt, fdt_path_offset(fdt, "/soc"), "neighbour");
    return node < 0 || fdt_setprop_string(fdt, node, "compatible", "test,neighbour") != 0
               ? -1
               : fdt_setprop(fdt, node, "reg", reg, sizeof(reg));
}

/* Pages are what isolates: to the byte. */
static void neighbours_on_a_page(void **state)
{
    static const struct neighbour cases[] = {
        {0x101024, 4, true},      {0x101ffc, 4, true},       {0x101fff, 1, true},
        {0x102000, 4, false},     {0x100f00, 0x100, false},  {0x100f00, 0x101, true},
        {0x100f00, 0x2000, true}, {0x103000, 0x1000, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct findings *f = with_rtc(settle, &cases[i]);

        assert_int_equal(f->count, cases[i].shares ? 1 : 0);
        assert_true(!cases[i].shares || strstr(f->lines[0], "/alpha/rtc|host-path|") != NULL);
        assert_true(!cases[i].shares || strstr(f->lines[0], "shares a page") != NULL);
    }
}

/* The RTC has so many ranges of registers, or interrupts. */
static int multiply(void *fdt, const void *arg)
{
    const uint32_t *count = arg;
    int node = fdt_path_offset(fdt, "/soc/rtc@101000");
    fdt64_t regs[16];
    fdt32_t irqs[16];

    for (uint32_t i = 0; i < 8; i++) {
        regs[2 * i] = cpu_to_fdt64(0x50000000 + i * 0x1000);
        regs[2 * i + 1] = cpu_to_fdt64(0x1000);
    }
    for (uint32_t i = 0; i < 16; i++) {
        irqs[i] = cpu_to_fdt32(60 + i);
    }
    return fdt_setprop(fdt, node, "reg", regs, (int)(count[0] * 16)) != 0
               ? -1
               : fdt_setprop(fdt, node, "interrupts", irqs, (int)(count[1] * 4));
}

/* What would be passed on in part is refused. */
static void more_than_is_kept(void **state)
{
    static const uint32_t whole[] = {4, 8}, regs[] = {5, 1}, irqs[] = {1, 9};

    (void)state;
    assert_int_equal(with_rtc(multiply, whole)->count, 0);
    assert_int_equal(with_rtc(multiply, regs)->count, 1);
    assert_non_null(strstr(with_rtc(multiply, irqs)->lines[0], "has more than 4 ranges"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_one_is_read),
        cmocka_unit_test(the_console),
        cmocka_unit_test(the_trace),
        cmocka_unit_test(the_demo_fits_both_machines),
        cmocka_unit_test(the_examples_of_the_documentation),
        cmocka_unit_test(any_alignment_will_do),
        cmocka_unit_test(each_mistake_is_told),
        cmocka_unit_test(all_mistakes_come_at_once),
        cmocka_unit_test(a_plic_machine_has_no_files),
        cmocka_unit_test(what_fits_is_placed),
        cmocka_unit_test(too_many_vms),
        cmocka_unit_test(what_is_no_blob),
        cmocka_unit_test(marks_of_a_bus_master),
        cmocka_unit_test(neighbours_on_a_page),
        cmocka_unit_test(more_than_is_kept),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
