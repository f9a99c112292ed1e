/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: arch/riscv/isa.c arch/riscv/isa_string.c libfdt */
/*
 * The guest's ISA: nothing that Curia holds back, nothing that the hart or henvcfg lacks, and the
 * string and the list say the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libfdt.h>
#include <string.h>

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/isa.h"
#include "core/machine.h"
#include "core/vm.h"
#include "sbi/abi.h"

struct machine machine;
struct rv_features rv_features;

static const char rich[] = "i\0m\0a\0f\0d\0c\0h\0v\0zic64b\0zicbom\0zicbop\0zicboz\0zicntr\0zicsr\0"
                           "zifencei\0zihpm\0zawrs\0zkr\0zba\0zbb\0zbs\0sdtrig\0smaia\0smstateen\0"
                           "ssaia\0sscofpmf\0sstc\0svade\0svadu\0svinval\0svnapot\0svpbmt";
static const char poor[] = "i\0m\0a\0c\0zicbom\0zicboz\0svpbmt\0sstc";

#define ENV_ALL                                                                                    \
    (HENVCFG_FIOM | HENVCFG_CBIE | HENVCFG_CBCFE | HENVCFG_CBZE | HENVCFG_PBMTE | HENVCFG_ADUE |   \
     HENVCFG_STCE | HENVCFG_DTE | HENVCFG_LPE | HENVCFG_SSE | HENVCFG_PMM)

#define AD     RV_FEATURE(SBI_FWFT_PTE_AD_HW_UPDATING)
#define DOUBLE RV_FEATURE(SBI_FWFT_DOUBLE_TRAP)
#define SHADOW RV_FEATURE(SBI_FWFT_SHADOW_STACK)
#define DELEG  RV_FEATURE(SBI_FWFT_MISALIGNED_EXC_DELEG)

static char host_blob[1024], blob[4096];
static struct board_hart hart_of_board;
static struct rv_hart harts[2];
static uint32_t vlenbs[2];
static struct vcpu vcpus[2];
static struct vcpu *vcpu_table[2] = {&vcpus[0], &vcpus[1]};
static struct vm vm;

static void write_fdt(void)
{
    assert_int_equal(fdt_create(blob, sizeof(blob)), 0);
    assert_int_equal(fdt_finish_reservemap(blob), 0);
    assert_int_equal(fdt_begin_node(blob, ""), 0);
    assert_int_equal(arch_fdt_cpus(&vm, blob), ERR_OK);
    assert_int_equal(fdt_end_node(blob), 0);
    assert_int_equal(fdt_finish(blob), 0);
    assert_int_equal(fdt_check_header(blob), 0);
}

static void make(const char *isa, size_t isa_len, uint64_t env, bool imsic)
{
    memset(&rv_features, 0, sizeof(rv_features));
    hart_of_board =
        (struct board_hart){.isa = isa, .isa_len = (uint32_t)isa_len, .isa_is_list = true};
    for (uint32_t i = 0; i < 2; i++) {
        harts[i].board = &hart_of_board;
        rv_isa_read(&harts[i], i != 0 ? &harts[0] : NULL);
        harts[i].vlenb = vlenbs[i];
    }
    rv_features.d = rv_isa_has(&hart_of_board, "d");
    rv_features.zicbom = rv_isa_has(&hart_of_board, "zicbom");
    rv_features.zicboz = rv_isa_has(&hart_of_board, "zicboz");
    rv_features.svpbmt = rv_isa_has(&hart_of_board, "svpbmt");
    rv_features.svadu = rv_isa_has(&hart_of_board, "svadu");
    rv_features.sstc = rv_isa_has(&hart_of_board, "sstc") && (env & HENVCFG_STCE) != 0;
    rv_features.aia = rv_isa_has(&hart_of_board, "ssaia");
    rv_features.henvcfg = env != 0;
    rv_features.henvcfg_bits = env;

    assert_int_equal(fdt_create(host_blob, sizeof(host_blob)), 0);
    assert_int_equal(fdt_finish_reservemap(host_blob), 0);
    assert_int_equal(fdt_begin_node(host_blob, ""), 0);
    assert_int_equal(fdt_property_u32(host_blob, "riscv,cbom-block-size", 64), 0);
    assert_int_equal(fdt_property_u32(host_blob, "riscv,cboz-block-size", 128), 0);
    assert_int_equal(fdt_end_node(host_blob), 0);
    assert_int_equal(fdt_finish(host_blob), 0);
    hart_of_board.node = fdt_path_offset(host_blob, "/");
    machine.board.fdt = host_blob;
    machine.timebase_hz = 10000000;

    vm = (struct vm){.vcpu_count = 2, .vcpus = vcpu_table, .has_imsic = imsic};
    for (uint32_t i = 0; i < 2; i++) {
        vcpus[i] = (struct vcpu){.vm = &vm, .index = i, .hart = &harts[i].core};
    }
    write_fdt();
}

static const char *prop(const char *path, const char *name, int *len)
{
    int node = fdt_path_offset(blob, path);

    assert_true(node >= 0);
    return fdt_getprop(blob, node, name, len);
}

static uint32_t cell(const char *path, const char *name)
{
    int len;
    const char *value = prop(path, name, &len);

    assert_non_null(value);
    assert_int_equal(len, 4);
    return fdt32_ld((const fdt32_t *)(const void *)value);
}

static void expect_isa(const char *isa)
{
    int len, list_len;
    const char *have = prop("/cpus/cpu@1", "riscv,isa", &len);
    const char *list = prop("/cpus/cpu@1", "riscv,isa-extensions", &list_len);
    char joined[1024] = "rv64";

    assert_string_equal(have, isa);
    assert_int_equal(len, (int)strlen(isa) + 1);
    assert_int_equal(list[list_len - 1], 0);
    for (const char *s = list; s < list + list_len; s += strlen(s) + 1) {
        strcat(joined, strlen(s) > 1 ? "_" : "");
        strcat(joined, s);
    }
    assert_string_equal(joined, isa);
    assert_string_equal(prop("/cpus/cpu@1", "riscv,isa-base", &len), "rv64i");
}

static void rich_hart(void **state)
{
    (void)state;
    make(rich, sizeof(rich), ENV_ALL, true);
    expect_isa(
        "rv64imafdc_zic64b_zicbom_zicbop_zicboz_zicntr_zicsr_zifencei_zawrs_zba_zbb_zbs_ssaia_sstc_"
        "svade_svadu_svinval_svnapot_svpbmt");
    assert_int_equal(cell("/cpus/cpu@1", "riscv,cbom-block-size"), 64);
    assert_int_equal(cell("/cpus/cpu@1", "riscv,cboz-block-size"), 128);
    assert_int_equal(rv_isa_henvcfg(&rv_features, 0), HENVCFG_FIOM | HENVCFG_CBIE_FLUSH |
                                                          HENVCFG_CBCFE | HENVCFG_CBZE |
                                                          HENVCFG_PBMTE | HENVCFG_STCE);
    assert_int_equal(rv_isa_features(&rv_features), AD);
}

/* Nothing of henvcfg is on but what the vCPU has switched on. */
static void switches(void **state)
{
    (void)state;
    make(poor, sizeof(poor), HENVCFG_FIOM | HENVCFG_ADUE, false);
    assert_int_equal(rv_isa_features(&rv_features), 0);
    rv_features.svadu = true;
    rv_features.fw_features = DELEG | SHADOW | DOUBLE;
    assert_int_equal(rv_isa_features(&rv_features), AD | DELEG | SHADOW | DOUBLE);
    assert_int_equal(rv_isa_henvcfg(&rv_features, DELEG), HENVCFG_FIOM);
    assert_int_equal(rv_isa_henvcfg(&rv_features, AD | DELEG), HENVCFG_FIOM | HENVCFG_ADUE);
    assert_int_equal(rv_isa_henvcfg(&rv_features, SHADOW), HENVCFG_FIOM | HENVCFG_SSE);
    assert_int_equal(rv_isa_henvcfg(&rv_features, DOUBLE), HENVCFG_FIOM | HENVCFG_DTE);
}

/* Both where the guest can switch, whether the host says svade or not: off is the reset value. */
static void who_sets_ad_bits(void **state)
{
    static const char both[] = "i\0svade\0svadu", updates[] = "i\0svadu", faults[] = "i\0svade",
                      silent[] = "i";

    (void)state;
    make(both, sizeof(both), HENVCFG_ADUE, false);
    expect_isa("rv64i_zicsr_zifencei_svade_svadu");
    make(updates, sizeof(updates), HENVCFG_ADUE, false);
    expect_isa("rv64i_zicsr_zifencei_svade_svadu");
    make(updates, sizeof(updates), HENVCFG_FIOM, false);
    expect_isa("rv64i_zicsr_zifencei");
    assert_int_equal(rv_isa_features(&rv_features), 0);
    make(faults, sizeof(faults), HENVCFG_ADUE, false);
    expect_isa("rv64i_zicsr_zifencei_svade");
    assert_int_equal(rv_isa_features(&rv_features), 0);
    make(silent, sizeof(silent), HENVCFG_ADUE, false);
    expect_isa("rv64i_zicsr_zifencei");
}

/* riscv,isa: letters of any case, g for five, versions, a name without '_' before it. */
static void strings(void **state)
{
    static const rv_isa_name names[] = {"i",     "m",    "d",  "c", "h",
                                        "zicsr", "sstc", "ss", "q", "svadu"};
    static const struct {
        const char *isa;
        uint64_t have;
    } rows[] = {
        {"rv64imafdch_zicsr_sstc", 0x7f},
        {"RV64GCHzicsr_Sstc", 0x7f},
        {"rv64gc_zicsr2p0_sstc1p0p1", 0x6f},
        {"rv64imsstc", 0x43},
        {"rv64im__svadu", 0x203},
        {"rv64", 0},
        {"rv", 0},
        {"", 0},
        {"rv64i_zicsrx_sstc_", 0x41},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t len = strlen(rows[i].isa);
        struct board_hart h = {.isa = rows[i].isa, .isa_len = (uint32_t)len + 1};

        assert_int_equal(rv_isa_have(&h, names, ARRAY_SIZE(names)), rows[i].have);
        h.isa_len = (uint32_t)len; /* without its end */
        assert_int_equal(rv_isa_have(&h, names, ARRAY_SIZE(names)), rows[i].have);
        assert_int_equal(rv_isa_has(&h, "m"), (rows[i].have & 2) != 0);
    }
    assert_int_equal(rv_isa_have(&(struct board_hart){0}, names, 2), 0);
}

/* Vectors: if each hart of the VM has them, and of one length; those of floats if FP is kept. */
static void vectors(void **state)
{
    static const char isa[] = "i\0m\0f\0d\0v\0h\0zve32f\0zve32x\0zve64x\0zvl256b\0zvbb\0zvfh\0zvxx";
    static const struct {
        uint32_t vlenb[2];
        bool has;
    } rows[] = {
        {{0, 0}, false}, {{32, 0}, false}, {{0, 32}, false}, {{32, 16}, false}, {{32, 32}, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        memcpy(vlenbs, rows[i].vlenb, sizeof(vlenbs));
        make(isa, sizeof(isa), ENV_ALL, true);
        expect_isa(rows[i].has ? "rv64imfdv_zicsr_zifencei_zvbb_zve32f_zve32x_zve64x_zvfh_zvl256b"
                               : "rv64imfd_zicsr_zifencei");
        assert_int_equal(rv_isa_vectors(&vm, rows[i].vlenb[0]), rows[i].has);
    }
    make("i\0zve32f\0zve32x\0zvkb", sizeof("i\0zve32f\0zve32x\0zvkb"), ENV_ALL, true);
    expect_isa("rv64i_zicsr_zifencei_zve32x_zvkb");
    memset(vlenbs, 0, sizeof(vlenbs));
}

/* Whatever QEMU's "max" has, and more: no name too many, none cut off, and room for them all. */
static void everything(void **state)
{
    static const char wants[] =
        "rv64imafdcbv_zic64b_zicbom_zicbop_zicboz_ziccamoa_ziccif_zicclsm_ziccrse_zicfiss_zicntr_"
        "zicond_"
        "zicsr_zifencei_zihintntl_zihintpause_zimop_zmmul_za64rs_zaamo_zabha_zacas_zama16b_zalrsc_"
        "zawrs_zfa_zfbfmin_zfh_zfhmin_zca_zcb_zcd_zcmop_zba_zbb_zbc_zbkb_zbkc_zbkx_zbs_zkn_zknd_"
        "zkne_zknh_zks_zksed_zksh_zkt_ztso_zvbb_zvbc_zve32f_zve32x_zve64f_zve64d_zve64x_zvfbfmin_"
        "zvfbfwma_zvfh_zvfhmin_zvkb_zvkg_zvkn_zvknc_zvkned_zvkng_zvknha_zvknhb_zvks_zvksc_zvksed_"
        "zvksg_zvksh_zvkt_zvl32b_zvl64b_zvl128b_zvl256b_zvl512b_zvl1024b_sdtrig_ssaia_sscofpmf_"
        "ssdbltrp_ssnpm_sstc_supm_svade_svadu_svinval_svnapot_svpbmt_svvptc";
    static const char withheld[] = "_h_zicfilp_zihpm_zk_zkr_zcmt_smaia_smstateen_ssctr_ssstateen";
    char isa[1024];
    size_t len = strlen(strcat(strcpy(isa, wants), withheld));
    struct board_hart h = {.isa = isa, .isa_len = (uint32_t)len + 1};

    (void)state;
    vlenbs[0] = vlenbs[1] = 128;
    make("", 1, ENV_ALL, true);
    assert_false(rv_features.d);
    rv_features.d = rv_features.aia = rv_features.zicbom = rv_features.zicboz = true;
    rv_features.svpbmt = rv_features.svadu = rv_features.sstc = rv_features.lcofi = true;
    rv_features.triggers = 1;
    rv_features.fw_features = SHADOW | DOUBLE;
    hart_of_board = h;
    rv_isa_read(&harts[1], NULL);
    write_fdt();
    expect_isa(wants);
    memset(vlenbs, 0, sizeof(vlenbs));
}

/* What a hart like the one before has is not looked for again; one that is not alike is read. */
static void harts_alike(void **state)
{
    static const char one[] = "i\0m\0zba", same[] = "i\0m\0zba", other[] = "i\0m\0zbb";
    const struct board_hart boards[] = {
        {.isa = one, .isa_len = sizeof(one), .isa_is_list = true},
        {.isa = same, .isa_len = sizeof(same), .isa_is_list = true},
        {.isa = other, .isa_len = sizeof(other), .isa_is_list = true},
        {.isa = same, .isa_len = 2, .isa_is_list = true},
        {.isa = same, .isa_len = sizeof(same), .isa_is_list = false},
    };
    struct rv_hart before = {.board = &boards[0]};

    (void)state;
    rv_isa_read(&before, NULL);
    before.isa[1] = 1; /* nothing that its board says */
    for (uint32_t i = 1; i < ARRAY_SIZE(boards); i++) {
        struct rv_hart alone = {.board = &boards[i]};
        struct rv_hart hart = {.board = &boards[i]};

        rv_isa_read(&alone, NULL);
        rv_isa_read(&hart, &before);
        assert_int_equal(hart.isa[0], i == 1 ? before.isa[0] : alone.isa[0]);
        assert_int_equal(hart.isa[1], i == 1 ? 1 : alone.isa[1]);
        assert_int_equal(alone.isa[1], 0);
    }
}

static void no_interrupt_file(void **state)
{
    (void)state;
    make(rich, sizeof(rich), ENV_ALL & ~HENVCFG_ADUE, false);
    expect_isa(
        "rv64imafdc_zic64b_zicbom_zicbop_zicboz_zicntr_zicsr_zifencei_zawrs_zba_zbb_zbs_sstc_svade_"
        "svinval_svnapot_svpbmt");
}

static void no_henvcfg(void **state)
{
    int len;

    (void)state;
    make(poor, sizeof(poor), 0, true);
    expect_isa("rv64imac_zicsr_zifencei");
    assert_int_equal(rv_isa_henvcfg(&rv_features, 0xff), 0);
    assert_int_equal(rv_isa_features(&rv_features), 0);
    rv_features.svadu = true;
    rv_features.fw_features = DELEG; /* which needs none */
    assert_int_equal(rv_isa_features(&rv_features), DELEG);
    assert_null(prop("/cpus/cpu@1", "riscv,cbom-block-size", &len));
    assert_null(prop("/cpus/cpu@1", "riscv,cboz-block-size", &len));
}

static void nodes(void **state)
{
    int len;

    (void)state;
    make(rich, sizeof(rich), ENV_ALL, true);
    assert_int_equal(cell("/cpus", "timebase-frequency"), 10000000);
    assert_int_equal(cell("/cpus", "#address-cells"), 1);
    assert_int_equal(cell("/cpus", "#size-cells"), 0);
    assert_int_equal(cell("/cpus/cpu@0", "reg"), 0);
    assert_int_equal(cell("/cpus/cpu@1", "reg"), 1);
    assert_string_equal(prop("/cpus/cpu@0", "mmu-type", &len), "riscv,sv39");
    assert_string_equal(prop("/cpus/cpu@0", "status", &len), "okay");
    assert_string_equal(prop("/cpus/cpu@0", "device_type", &len), "cpu");
    assert_int_equal(cell("/cpus/cpu@0/interrupt-controller", "phandle"), arch_fdt_cpu_intc(0));
    assert_int_equal(cell("/cpus/cpu@1/interrupt-controller", "phandle"), arch_fdt_cpu_intc(1));
    assert_int_not_equal(arch_fdt_cpu_intc(0), arch_fdt_cpu_intc(1));
}

/* Whatever the size of the buffer: an error, or a whole tree. */
static void no_room(void **state)
{
    static char small[4096];

    (void)state;
    make(rich, sizeof(rich), ENV_ALL, true);
    for (int size = 64; size < 2048; size += 8) {
        enum err e;

        assert_int_equal(fdt_create(small, size), 0);
        assert_int_equal(fdt_finish_reservemap(small), 0);
        if (fdt_begin_node(small, "") == 0) {
            e = arch_fdt_cpus(&vm, small);
            assert_true(e == ERR_OK || e == ERR_RANGE);
            assert_true(e == ERR_RANGE || size > 512);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rich_hart),
        cmocka_unit_test(harts_alike),
        cmocka_unit_test(no_interrupt_file),
        cmocka_unit_test(who_sets_ad_bits),
        cmocka_unit_test(no_henvcfg),
        cmocka_unit_test(switches),
        cmocka_unit_test(nodes),
        cmocka_unit_test(no_room),
        cmocka_unit_test(strings),
        cmocka_unit_test(vectors),
        cmocka_unit_test(everything),
    };

    return cmocka_run_group_tests_name("isa", tests, NULL, NULL);
}
