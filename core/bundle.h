/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bundle: a FIT image with kernels, initrds, optional guest DTBs and the manifest. Stays
 * untouched in memory; a VM restarts from it. Each image is hashed once a boot, before its first
 * use, part by part, by the harts of the VMs that need it then.
 */
#ifndef CORE_BUNDLE_H
#define CORE_BUNDLE_H

#include "core/addr.h"
#include "core/err.h"
#include "core/spinlock.h"

#include <bearssl_hash.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum image_hash {
    IMAGE_UNCHECKED,
    IMAGE_GOOD,
    IMAGE_BAD,
};

struct image {
    const char *name; /* FIT unit name */
    const char *description, *type;
    const void *data;
    uint64_t size;
    int node;
    struct spinlock lock; /* held while a part is hashed by sha256 */
    enum image_hash hash GUARDED_BY(lock);
    const char *fault GUARDED_BY(lock); /* of an image that is BAD */

    /* While it is UNCHECKED: how far its hashes are. */
    int hash_node GUARDED_BY(lock); /* the one that is computed; 0: none was begun */
    bool is_sha256 GUARDED_BY(lock);
    uint64_t left GUARDED_BY(lock); /* bytes that nobody has begun, for hash_node */
    uint32_t crc32 GUARDED_BY(lock);
    uint32_t crc_shift GUARDED_BY(lock); /* x to 8 times the bytes begun; 0: all are */
    uint32_t crc_parts GUARDED_BY(lock); /* begun, and not in crc32 yet */
    br_sha256_context sha256 GUARDED_BY(lock);
};

#define CRC32_TABLES 8u

struct bundle {
    const void *fit;
    uint64_t size;
    uint32_t image_count;
    struct image *images;
    uint32_t (*crc_tables)[256]; /* CRC32_TABLES of them */
};

/* Checks the FIT's structure and finds its images. On error *why says what and how to mend. */
enum err bundle_read(struct bundle *b, const void *fit, uint64_t size, const char **why) MUST_CHECK;

struct image *bundle_find(struct bundle *b, const char *name);

/*
 * Verifies every hash node of image (crc32, sha256), once; later calls return what was found then.
 * An image without a hash node, or with an unknown algorithm, is an error. *why names the fault.
 *
 * bundle_verify_part() does a bounded part of that; ERR_BUSY: call again. Harts that need the image
 * at one time share its parts; one that finds them all begun only waits for the others. alone: on
 * this hart nobody waits for its turn, so a part may be longer. Any hart.
 */
enum err bundle_verify_part(struct bundle *b, struct image *image, bool alone,
                            const char **why) MUST_CHECK;
enum err bundle_verify(struct bundle *b, struct image *image, const char **why) MUST_CHECK;

#endif
