/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/bundle.c core/fdt.c core/pagepool.c tests/unit/dts.c tests/unit/fake_arch.c
 *       tests/unit/fake_memory.c tests/unit/fake_setup.c tests/unit/fake_core.c libfdt bearssl */
/* TSAN */
/* FIT images as mkimage packs them, made by hand, and damaged. */
#include "core/bundle.h"
#include "core/pagepool.h"
#include "tests/unit/dts.h"

#include <libfdt.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static _Alignas(64) char arena[4u << 20];
static _Alignas(8) char fit[512u << 10];

static enum err read_fit(struct bundle *b, const void *blob, uint64_t size, const char **why)
{
    pool_init(arena, sizeof(arena));
    *why = NULL;
    return bundle_read(b, blob, size, why);
}

/* One bit after the other, as the polynomial says. */
static uint32_t crc_by_bits(const void *data, size_t size)
{
    const unsigned char *p = data;
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static const unsigned char sha256_of_abc[32] = {
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
}; /* [FIPS 180-2, B.1] */

static void put_hash(const char *name, const char *algo, const void *value, int len)
{
    fdt_begin_node(fit, name);
    fdt_property(fit, "algo", algo, (int)strlen(algo) + 1);
    fdt_property(fit, "value", value, len);
    fdt_end_node(fit);
}

/* An inline image of size bytes, with the hash nodes that the letters say: c, s, C, S (wrong) ...
 */
static void put_image(const char *name, const void *data, int size, const char *hashes)
{
    static const unsigned char wrong[32];
    uint32_t crc = cpu_to_fdt32(crc_by_bits(data, (size_t)size));

    fdt_begin_node(fit, name);
    fdt_property(fit, "type", "standalone", 11);
    fdt_property(fit, "data", data, size);
    for (; *hashes != '\0'; hashes++) {
        switch (*hashes) {
        case 'c':
            put_hash("hash-1", "crc32", &crc, 4);
            break;
        case 's':
            put_hash("hash@2", "sha256", sha256_of_abc, 32);
            break;
        case 'C':
            put_hash("hash-3", "crc32", wrong, 4);
            break;
        case 'S':
            put_hash("hash-4", "sha256", wrong, 32);
            break;
        case 'l':
            put_hash("hash-5", "crc32", &crc, 3);
            break;
        default:
            put_hash("hash-6", "md5", wrong, 16);
            break;
        }
    }
    fdt_end_node(fit);
}

static void begin_fit(void)
{
    fdt_create(fit, sizeof(fit));
    fdt_finish_reservemap(fit);
    fdt_begin_node(fit, "");
    fdt_property(fit, "description", "test", 5);
    fdt_begin_node(fit, "images");
}

static void end_fit(void)
{
    fdt_end_node(fit);
    fdt_end_node(fit);
    assert_int_equal(fdt_finish(fit), 0);
}

static void hashes_are_checked(void **state)
{
    static const struct {
        const char *hashes;
        enum err err;
        const char *text;
    } cases[] = {
        {"c", ERR_OK, NULL},
        {"s", ERR_OK, NULL},
        {"cs", ERR_OK, NULL},
        {"", ERR_IO, "no hash node"},
        {"C", ERR_IO, "crc32 is wrong"},
        {"cS", ERR_IO, "sha256 is wrong"},
        {"sC", ERR_IO, "crc32 is wrong"},
        {"cx", ERR_IO, "does not know"},
        {"l", ERR_IO, "crc32 is wrong"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bundle b;
        struct image *image;
        const char *why;

        begin_fit();
        put_image("abc", "abc", 3, cases[i].hashes);
        end_fit();
        assert_int_equal(read_fit(&b, fit, fdt_totalsize(fit), &why), ERR_OK);
        image = bundle_find(&b, "abc");
        assert_non_null(image);
        assert_int_equal(image->size, 3);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(bundle_verify(&b, image, &why), cases[i].err);
            assert_true((why == NULL) == (cases[i].text == NULL));
            assert_true(why == NULL || strstr(why, cases[i].text) != NULL);
        }
    }
}

static void crc_of_every_length_and_alignment(void **state)
{
    static unsigned char data[64];

    (void)state;
    srand(3);
    for (int i = 0; i < 64; i++) {
        data[i] = (unsigned char)rand();
    }
    for (int lead = 0; lead < 3; lead++) {
        for (int size = 0; size < 40; size++) {
            struct bundle b;
            const char *why;

            begin_fit();
            for (int i = 0; i < lead; i++) {
                fdt_property(fit, "pad", data, 4); /* moves what follows by 4 of 8 */
            }
            put_image("one", data, size, "c");
            end_fit();
            assert_int_equal(read_fit(&b, fit, fdt_totalsize(fit), &why), ERR_OK);
            assert_int_equal(bundle_verify(&b, bundle_find(&b, "one"), &why), ERR_OK);
        }
    }
}

/* Verified once: what changes later is not seen, and costs nothing. */
static void a_hash_is_computed_once(void **state)
{
    struct bundle b;
    struct image *image;
    const char *why;

    (void)state;
    begin_fit();
    put_image("abc", "abc", 3, "c");
    end_fit();
    assert_int_equal(read_fit(&b, fit, fdt_totalsize(fit), &why), ERR_OK);
    image = bundle_find(&b, "abc");
    assert_int_equal(bundle_verify(&b, image, &why), ERR_OK);
    *(char *)(uintptr_t)image->data = 'x';
    assert_int_equal(bundle_verify(&b, image, &why), ERR_OK);
}

/* An image of many parts, with a crc32 and a sha256 that are right for data. */
static struct image *big_image(struct bundle *b, const unsigned char *data, int size)
{
    unsigned char digest[br_sha256_SIZE];
    uint32_t crc = cpu_to_fdt32(crc_by_bits(data, (size_t)size));
    br_sha256_context ctx;
    const char *why;

    br_sha256_init(&ctx);
    br_sha256_update(&ctx, data, (size_t)size);
    br_sha256_out(&ctx, digest);
    begin_fit();
    fdt_begin_node(fit, "big");
    fdt_property(fit, "data", data, size);
    put_hash("hash-1", "crc32", &crc, 4);
    fdt_begin_node(fit, "signature");
    fdt_end_node(fit);
    put_hash("hash-2", "sha256", digest, sizeof(digest));
    fdt_end_node(fit);
    end_fit();
    assert_int_equal(read_fit(b, fit, fdt_totalsize(fit), &why), ERR_OK);
    return bundle_find(b, "big");
}

/* Several users share the parts; each learns the same, and no part is long. */
static void part_by_part(void **state)
{
    enum { USERS = 3, SIZE = 40001 };
    static unsigned char data[SIZE];
    uint32_t parts = 0;
    uint32_t ended = 0;

    (void)state;
    for (int i = 0; i < SIZE; i++) {
        data[i] = (unsigned char)(i * 7 + i / 251);
    }
    for (int damage = -1; damage < SIZE; damage += damage < 0 ? 1 : SIZE / 2) {
        enum err result[USERS] = {ERR_BUSY, ERR_BUSY, ERR_BUSY};
        const char *why[USERS];
        struct bundle b;
        struct image *image = big_image(&b, data, SIZE);

        if (damage >= 0) {
            ((char *)(uintptr_t)image->data)[damage] ^= 1;
        }
        parts = ended = 0;
        for (int i = 0; ended < USERS; i = (i + 1) % USERS) {
            if (result[i] == ERR_BUSY) {
                parts++;
                result[i] = bundle_verify_part(&b, image, false, &why[i]);
                ended += result[i] != ERR_BUSY;
            }
        }
        /* 16 KiB by crc32, 2 KiB by sha256, which nobody computes when the crc32 is wrong. */
        assert_int_equal(parts, (damage < 0 ? 3 + 20 : 3) + USERS - 1);
        for (int i = 0; i < USERS; i++) {
            assert_int_equal(result[i], damage < 0 ? ERR_OK : ERR_IO);
            assert_true(damage < 0 ? why[i] == NULL : strstr(why[i], "crc32 is wrong") != NULL);
        }
    }
}

struct user {
    struct bundle *b;
    struct image *image;
    bool alone;
    enum err result;
};

static void *verify(void *user)
{
    struct user *u = user;
    const char *why;

    do {
        u->result = bundle_verify_part(u->b, u->image, u->alone, &why);
    } while (u->result == ERR_BUSY);
    return NULL;
}

/* Side by side, in parts of both sizes: whoever ends which, and a size of whole parts as well. */
static void harts_share_an_image(void **state)
{
    enum { USERS = 4, MOST = 400001 };
    static const int sizes[] = {MOST, 262144, 131072, 49152, 16384, 16383, 1, 0};
    static unsigned char data[MOST];

    (void)state;
    for (int i = 0; i < MOST; i++) {
        data[i] = (unsigned char)(i * 5 + i / 127);
    }
    for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
        for (int damage = 0; damage < (sizes[s] == 0 ? 1 : 2); damage++) {
            pthread_t threads[USERS];
            struct user users[USERS];
            struct bundle b;
            struct image *image = big_image(&b, data, sizes[s]);

            ((char *)(uintptr_t)image->data)[sizes[s] / 2] ^= (char)damage;
            for (int i = 0; i < USERS; i++) {
                users[i] = (struct user){.b = &b, .image = image, .alone = i % 2 != 0};
                assert_int_equal(pthread_create(&threads[i], NULL, verify, &users[i]), 0);
            }
            for (int i = 0; i < USERS; i++) {
                (void)pthread_join(threads[i], NULL);
                assert_int_equal(users[i].result, damage == 0 ? ERR_OK : ERR_IO);
            }
        }
    }
}

/* Who comes while another hart is at a part does not wait for it. */
static void part_not_waited_for(void **state)
{
    static unsigned char data[100];
    const char *why = NULL;
    struct bundle b;
    struct image *image = big_image(&b, data, sizeof(data));

    (void)state;
    spin_lock(&image->lock);
    assert_int_equal(bundle_verify_part(&b, image, false, &why), ERR_BUSY);
    assert_int_equal(bundle_verify_part(&b, image, false, &why), ERR_BUSY);
    spin_unlock(&image->lock);
    assert_int_equal(bundle_verify(&b, image, &why), ERR_OK);
    assert_int_equal(bundle_verify_part(&b, image, false, &why), ERR_OK);
}

static void as_mkbundle_packs_it(void **state)
{
    static const char format[] =
        "d=$(mktemp -d) && cp platforms/qemu-virt/demo.dts $d/a && printf 0123456789 >$d/b && "
        "tools/mkbundle -o %s --manifest $d/a --image kernel=$d/b "
        "--image big=Makefile:sha256; r=$?; rm -r $d; exit $r";
    char name[DTS_NAME_MAX];
    char command[sizeof(format) + DTS_NAME_MAX];
    struct bundle b;
    struct image *image;
    const char *why;
    size_t size;
    char *blob;

    (void)state;
    dts_scratch_name(name);
    snprintf(command, sizeof(command), format, name);
    assert_int_equal(system(command), 0);
    blob = dts_file(name, &size);
    unlink(name);
    assert_int_equal(read_fit(&b, blob, size, &why), ERR_OK);
    assert_int_equal(b.image_count, 3);
    assert_null(bundle_find(&b, "nope"));
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(bundle_verify(&b, &b.images[i], &why), ERR_OK);
        assert_int_equal(((const char *)b.images[i].data - blob) % PAGE_SIZE, 0);
    }
    image = bundle_find(&b, "kernel");
    assert_int_equal(image->size, 10);
    assert_memory_equal(image->data, "0123456789", 10);
    /* Cut off behind the tree: the last image lies outside. */
    assert_int_equal(read_fit(&b, blob, size - PAGE_SIZE, &why), ERR_INVALID);
    assert_non_null(strstr(why, "outside the bundle"));
    assert_int_equal(read_fit(&b, blob, 1000, &why), ERR_INVALID);
    /* A bit of an image. */
    blob[(const char *)image->data - blob] ^= 1;
    assert_int_equal(read_fit(&b, blob, size, &why), ERR_OK);
    assert_int_equal(bundle_verify(&b, bundle_find(&b, "kernel"), &why), ERR_IO);
    free(blob);
}

static void external_data_is_bounded(void **state)
{
    static const struct {
        const char *place;
        uint32_t at, size;
        enum err err;
    } cases[] = {
        {"data-offset", 0, 16, ERR_OK},
        {"data-offset", 8, 9, ERR_INVALID},
        {"data-offset", 0xfffffff0, 0x20, ERR_INVALID},
        {"data-offset", 0, 0xffffffff, ERR_INVALID},
        {"data-offset", 0, 0, ERR_INVALID},
        {"data-position", 0, 8, ERR_OK},
        {"data-position", 0x7fffffff, 8, ERR_INVALID},
        {"elsewhere", 0, 8, ERR_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bundle b;
        const char *why;

        begin_fit();
        fdt_begin_node(fit, "one");
        fdt_property_u32(fit, cases[i].place, cases[i].at);
        fdt_property_u32(fit, "data-size", cases[i].size);
        fdt_end_node(fit);
        end_fit();
        assert_int_equal(read_fit(&b, fit, ((fdt_totalsize(fit) + 3u) & ~3u) + 16, &why),
                         cases[i].err);
    }
}

static void what_is_no_bundle(void **state)
{
    struct bundle b;
    const char *why;
    static _Alignas(8) const char text[64] = "070701 a cpio archive";

    (void)state;
    assert_int_equal(read_fit(&b, text, sizeof(text), &why), ERR_INVALID);
    assert_non_null(strstr(why, "no FIT image"));
    assert_int_equal(read_fit(&b, text, 4, &why), ERR_INVALID);
    fdt_create_empty_tree(fit, sizeof(fit));
    assert_int_equal(read_fit(&b, fit, sizeof(fit), &why), ERR_INVALID);
    assert_non_null(strstr(why, "/images"));
    begin_fit();
    fdt_begin_node(fit, "one");
    fdt_property(fit, "data", "x", 1);
    fdt_property(fit, "compression", "gzip", 5);
    fdt_end_node(fit);
    end_fit();
    assert_int_equal(read_fit(&b, fit, fdt_totalsize(fit), &why), ERR_INVALID);
    assert_non_null(strstr(why, "compressed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_checked),
        cmocka_unit_test(crc_of_every_length_and_alignment),
        cmocka_unit_test(a_hash_is_computed_once),
        cmocka_unit_test(part_by_part),
        cmocka_unit_test(harts_share_an_image),
        cmocka_unit_test(part_not_waited_for),
        cmocka_unit_test(as_mkbundle_packs_it),
        cmocka_unit_test(external_data_is_bounded),
        cmocka_unit_test(what_is_no_bundle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
