/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FIT image: where its images lie and whether their bytes are the ones that were packed. Its
 * offsets are checked against its size before anything is read. Locks: an image's own, while a part
 * of a sha256 is computed.
 *
 * Cost: crc32 about 5 instructions a byte (eight tables, made at boot: 8 KiB of the arena instead
 * of text), sha256 about 60. So a part of either is about 100,000 instructions, a tenth of a
 * millisecond at 1 GHz: as long may another vCPU of this hart wait for its turn. On a hart of its
 * own a crc32 goes on for eight times as much, so that harts meet at the lock less often.
 *
 * The sum of a crc32 is a polynomial's rest, so each part adds its own, moved up by the bytes
 * behind it, whoever computes it and when. Parts are handed out from the end, so that how far to
 * move is known: a product more for each.
 */
#include "core/bundle.h"

#include "core/fdt.h"
#include "core/pagepool.h"

#include <string.h>

/* Reflected: bit 31 is the coefficient of x^0 [FIT: crc32 is that of zlib]. */
#define CRC32_POLY  0xedb88320u
#define CRC32_ONE   0x80000000u
#define CRC32_PART  (16ull * KIB)
#define CRC32_ALONE (128ull * KIB)
#define SHA256_PART (2ull * KIB)
/* x to 8 times those of crc32. */
#define CRC32_SHIFT       0x30362f1au
#define CRC32_SHIFT_ALONE 0x9fec022au

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

/* crc with data behind it; the sum of all, UINT32_MAX before it, is inverted in the end. */
static uint32_t crc32(uint32_t tables[CRC32_TABLES][256], uint32_t crc, const void *data,
                      uint64_t size)
{
    const uint8_t *p = data;
    uint64_t head = (0u - (uintptr_t)p) & 7u;

    head = head < size ? head : size;
    crc = crc32_bytes(tables, crc, p, head);
    p += head;
    for (size -= head; size >= 8; size -= 8, p += 8) {
        uint64_t v = *(const uint64_t *)(const void *)p ^ crc;

        crc = tables[7][v & 0xffu] ^ tables[6][(v >> 8) & 0xffu] ^ tables[5][(v >> 16) & 0xffu] ^
              tables[4][(v >> 24) & 0xffu] ^ tables[3][(v >> 32) & 0xffu] ^
              tables[2][(v >> 40) & 0xffu] ^ tables[1][(v >> 48) & 0xffu] ^ tables[0][v >> 56];
    }
    return crc32_bytes(tables, crc, p, size);
}

/* a * b, modulo the polynomial. */
static uint32_t crc32_times(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (; a != 0; a <<= 1) {
        product ^= (a & CRC32_ONE) != 0 ? b : 0;
        b = (b >> 1) ^ ((b & 1u) != 0 ? CRC32_POLY : 0);
    }
    return product;
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

/* What was found is final. NULL: the image is good. */
static void settle(struct image *image, const char *fault) REQUIRES(image->lock)
{
    image->fault = fault;
    image->hash = fault == NULL ? IMAGE_GOOD : IMAGE_BAD;
}

static bool is_hash(const struct bundle *b, int node)
{
    const char *name = fdt_get_name(b->fit, node, NULL);

    return name != NULL && strncmp(name, "hash", 4) == 0;
}

/* The next hash node's turn; after the last one the image is good. */
static void next_hash(const struct bundle *b, struct image *image) REQUIRES(image->lock)
{
    bool first = image->hash_node == 0;
    int node =
        first ? fdt_first_subnode(b->fit, image->node) : fdt_next_subnode(b->fit, image->hash_node);
    const char *algo;

    while (node >= 0 && !is_hash(b, node)) {
        node = fdt_next_subnode(b->fit, node);
    }
    if (node < 0) {
        settle(image, first ? "it has no hash node: pack it with crc32 or sha256" : NULL);
        return;
    }

    image->hash_node = node;
    image->left = image->size;
    algo = fdt_prop_string(b->fit, node, "algo");
    if (algo == NULL || fdt_getprop(b->fit, node, "value", NULL) == NULL) {
        settle(image, "it has a hash node without algo or value");
    } else if (strcmp(algo, "sha256") == 0) {
        image->is_sha256 = true;
        br_sha256_init(&image->sha256);
    } else if (strcmp(algo, "crc32") == 0) {
        image->is_sha256 = false;
        image->crc32 = 0;
        image->crc_shift = CRC32_ONE;
    } else {
        settle(image, "it has a hash that Curia does not know: use crc32 or sha256");
    }
}

/* The whole image has been through hash_node's algorithm. */
static void end_hash(const struct bundle *b, struct image *image) REQUIRES(image->lock)
{
    uint8_t digest[br_sha256_SIZE];
    int len;
    const void *value = fdt_getprop(b->fit, image->hash_node, "value", &len);

    if (image->is_sha256) {
        br_sha256_out(&image->sha256, digest);
        if (len != (int)sizeof(digest) || memcmp(digest, value, sizeof(digest)) != 0) {
            settle(image, "its sha256 is wrong: it was damaged after it was packed");
            return;
        }
    } else if (len != 4 || fdt32_ld(value) != ~image->crc32) {
        settle(image, "its crc32 is wrong: it was damaged after it was packed");
        return;
    }
    next_hash(b, image);
}

static void sha256_part(const struct bundle *b, struct image *image) REQUIRES(image->lock)
{
    const char *from = (const char *)image->data + (image->size - image->left);
    uint64_t part = image->left < SHA256_PART ? image->left : SHA256_PART;

    br_sha256_update(&image->sha256, from, (size_t)part);
    image->left -= part;
    if (image->left == 0) {
        end_hash(b, image);
    }
}

/* The lock is free while it computes. Who adds the last part ends the hash. */
static void crc32_part(const struct bundle *b, struct image *image, bool alone)
    REQUIRES(image->lock)
{
    uint64_t most = alone ? CRC32_ALONE : CRC32_PART;
    bool first = image->left <= most; /* of the image, and handed out last */
    uint64_t part = first ? image->left : most;
    uint32_t crc = first ? UINT32_MAX : 0;
    uint32_t shift = image->crc_shift;
    const char *from;

    image->left -= part;
    image->crc_shift = first ? 0 : crc32_times(shift, alone ? CRC32_SHIFT_ALONE : CRC32_SHIFT);
    image->crc_parts++;
    from = (const char *)image->data + image->left;
    spin_unlock(&image->lock);

    crc = crc32_times(shift, crc32(b->crc_tables, crc, from, part));

    spin_lock(&image->lock);
    image->crc32 ^= crc;
    image->crc_parts--;
    if (image->crc_shift == 0 && image->crc_parts == 0) {
        end_hash(b, image);
    }
}

enum err bundle_verify_part(struct bundle *b, struct image *image, bool alone, const char **why)
{
    enum image_hash hash;

    if (!spin_trylock(&image->lock)) {
        return ERR_BUSY; /* another hart is at a part: that one is not waited for */
    }
    if (image->hash == IMAGE_UNCHECKED && image->hash_node == 0) {
        next_hash(b, image);
    }
    if (image->hash == IMAGE_UNCHECKED && image->is_sha256) {
        sha256_part(b, image);
    } else if (image->hash == IMAGE_UNCHECKED && image->crc_shift != 0) {
        crc32_part(b, image, alone);
    }
    hash = image->hash;
    *why = image->fault;
    spin_unlock(&image->lock);

    if (hash == IMAGE_UNCHECKED) {
        return ERR_BUSY;
    }
    return hash == IMAGE_GOOD ? ERR_OK : ERR_IO;
}

enum err bundle_verify(struct bundle *b, struct image *image, const char **why)
{
    enum err e;

    do {
        e = bundle_verify_part(b, image, true, why);
    } while (e == ERR_BUSY);
    return e;
}
