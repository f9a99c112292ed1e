/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FIT image: where its images lie and whether their bytes are the ones that were packed. Its
 * offsets are checked against its size before anything is read. Locks: an image's own, while its
 * hashes are computed.
 *
 * Cost: crc32 about 5 instructions a byte (eight tables, made at boot: 8 KiB of the arena instead
 * of text), sha256 about 60.
 */
#include "core/bundle.h"

#include "core/fdt.h"
#include "core/pagepool.h"

#include <bearssl_hash.h>

#include <string.h>

#define CRC32_POLY 0xedb88320u /* reflected [FIT: crc32 is that of zlib] */

static void crc32_tables(uint32_t tables[CRC32_TABLES][256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (uint32_t bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1u) != 0 ? CRC32_POLY : 0);
        }
        tables[0][i] = crc;
    }
    for (uint32_t k = 1; k < CRC32_TABLES; k++) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t crc = tables[k - 1][i];

            tables[k][i] = (crc >> 8) ^ tables[0][crc & 0xffu];
        }
    }
}

static uint32_t crc32_bytes(uint32_t tables[CRC32_TABLES][256], uint32_t crc, const uint8_t *p,
                            uint64_t size)
{
    while (size-- > 0) {
        crc = (crc >> 8) ^ tables[0][(crc ^ *p++) & 0xffu];
    }
    return crc;
}

static uint32_t crc32(uint32_t tables[CRC32_TABLES][256], const void *data, uint64_t size)
{
    const uint8_t *p = data;
    uint64_t head = (0u - (uintptr_t)p) & 7u;
    uint32_t crc = UINT32_MAX;

    head = head < size ? head : size;
    crc = crc32_bytes(tables, crc, p, head);
    p += head;
    for (size -= head; size >= 8; size -= 8, p += 8) {
        uint64_t v = *(const uint64_t *)(const void *)p ^ crc;

        crc = tables[7][v & 0xffu] ^ tables[6][(v >> 8) & 0xffu] ^ tables[5][(v >> 16) & 0xffu] ^
              tables[4][(v >> 24) & 0xffu] ^ tables[3][(v >> 32) & 0xffu] ^
              tables[2][(v >> 40) & 0xffu] ^ tables[1][(v >> 48) & 0xffu] ^ tables[0][v >> 56];
    }
    return ~crc32_bytes(tables, crc, p, size);
}

/*
 * Where the image's bytes are: property data, or outside the tree at data-position (from the FIT's
 * start) or data-offset (from its end, rounded up to 4) [FIT, "external data"].
 */
static bool image_data(const struct bundle *b, struct image *image)
{
    uint32_t tree = (fdt_totalsize(b->fit) + 3u) & ~3u;
    const fdt32_t *cell;
    uint64_t offset;
    int len;

    image->data = fdt_getprop(b->fit, image->node, "data", &len);
    if (image->data != NULL) {
        image->size = (uint64_t)len;
        return true;
    }
    cell = fdt_getprop(b->fit, image->node, "data-position", &len);
    offset = 0;
    if (cell == NULL) {
        cell = fdt_getprop(b->fit, image->node, "data-offset", &len);
        offset = tree;
    }
    if (cell == NULL || len != 4) {
        return false;
    }
    offset += fdt32_ld(cell);
    image->size = fdt_prop_u32(b->fit, image->node, "data-size", 0);
    image->data = (const char *)b->fit + offset;
    return range_within(offset, image->size, 0, b->size);
}

static const char *read_images(struct bundle *b, int images)
{
    uint32_t count = 0;
    int node;

    fdt_for_each_subnode(node, b->fit, images)
    {
        count++;
    }
    b->images = pool_alloc(count * sizeof(b->images[0]), _Alignof(struct image));
    if (b->images == NULL) {
        return POOL_USED_UP;
    }
    fdt_for_each_subnode(node, b->fit, images)
    {
        struct image *image = &b->images[b->image_count];
        const char *compression = fdt_prop_string(b->fit, node, "compression");

        image->node = node;
        image->name = fdt_get_name(b->fit, node, NULL);
        image->description = fdt_prop_string(b->fit, node, "description");
        image->type = fdt_prop_string(b->fit, node, "type");
        spinlock_init(&image->lock);
        if (b->image_count == count || image->name == NULL || !image_data(b, image)) {
            return "an image has no data, or data outside the bundle: was the file cut off?";
        }
        if (compression != NULL && strcmp(compression, "none") != 0) {
            return "an image is compressed: pack it as it is (compression = \"none\")";
        }
        b->image_count++;
    }
    return NULL;
}

enum err bundle_read(struct bundle *b, const void *fit, uint64_t size, const char **why)
{
    int images;

    *b = (struct bundle){.fit = fit, .size = size};
    if (size < FDT_V17_SIZE || fdt_check_header(fit) != 0 || fdt_totalsize(fit) > size) {
        *why = "it is no FIT image (mkimage -f), or it was cut off";
        return ERR_INVALID;
    }
    images = fdt_path_offset(fit, "/images");
    if (images < 0) {
        *why = "it has no /images node";
        return ERR_INVALID;
    }
    b->crc_tables = pool_alloc(CRC32_TABLES * sizeof(b->crc_tables[0]), _Alignof(uint32_t));
    if (b->crc_tables == NULL) {
        *why = POOL_USED_UP;
        return ERR_NO_MEMORY;
    }
    crc32_tables(b->crc_tables);
    *why = read_images(b, images);
    return *why == NULL ? ERR_OK : ERR_INVALID;
}

struct image *bundle_find(struct bundle *b, const char *name)
{
    for (uint32_t i = 0; i < b->image_count; i++) {
        if (strcmp(b->images[i].name, name) == 0) {
            return &b->images[i];
        }
    }
    return NULL;
}

/* One hash node; NULL: it is right. */
static const char *check_hash(const struct bundle *b, const struct image *image, int node)
{
    const char *algo = fdt_prop_string(b->fit, node, "algo");
    int len;
    const void *value = fdt_getprop(b->fit, node, "value", &len);

    if (algo == NULL || value == NULL) {
        return "it has a hash node without algo or value";
    }
    if (strcmp(algo, "crc32") == 0) {
        return len == 4 && fdt32_ld(value) == crc32(b->crc_tables, image->data, image->size)
                   ? NULL
                   : "its crc32 is wrong: it was damaged after it was packed";
    }
    if (strcmp(algo, "sha256") == 0) {
        br_sha256_context ctx;
        uint8_t digest[br_sha256_SIZE];

        br_sha256_init(&ctx);
        br_sha256_update(&ctx, image->data, (size_t)image->size);
        br_sha256_out(&ctx, digest);
        return len == (int)sizeof(digest) && memcmp(digest, value, sizeof(digest)) == 0
                   ? NULL
                   : "its sha256 is wrong: it was damaged after it was packed";
    }
    return "it has a hash that Curia does not know: use crc32 or sha256";
}

static const char *check_hashes(const struct bundle *b, const struct image *image)
{
    const char *fault = "it has no hash node: pack it with crc32 or sha256";
    int node;

    fdt_for_each_subnode(node, b->fit, image->node)
    {
        const char *name = fdt_get_name(b->fit, node, NULL);

        if (name != NULL && strncmp(name, "hash", 4) == 0) {
            fault = check_hash(b, image, node);
            if (fault != NULL) {
                return fault;
            }
        }
    }
    return fault;
}

enum err bundle_verify(struct bundle *b, struct image *image, const char **why)
{
    enum image_hash hash;

    spin_lock(&image->lock);
    if (image->hash == IMAGE_UNCHECKED) {
        image->fault = check_hashes(b, image);
        image->hash = image->fault == NULL ? IMAGE_GOOD : IMAGE_BAD;
    }
    hash = image->hash;
    *why = image->fault;
    spin_unlock(&image->lock);
    return hash == IMAGE_GOOD ? ERR_OK : ERR_IO;
}
