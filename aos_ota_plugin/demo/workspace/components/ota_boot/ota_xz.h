/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One xz stream, read as far as the caller wants at a time. LZMA2 alone, CRC32 or no check, a dictionary up to a limit;
 * everything that the format lets one check is checked: headers, chunks, blocks, index, footer.
 */
#ifndef OTA_XZ_H
#define OTA_XZ_H

#include <stdint.h>

#include "ota_lzma.h"

/* Faults, below the counts of bytes that are no faults. */
#define XZ_DAMAGED (-1) /* or cut short, or no xz stream, or other filters or checks */
#define XZ_MEMORY  (-2) /* the dictionary is over the limit */
#define XZ_UNREAD  (-3) /* the source failed */

/* Where compressed bytes come from. */
typedef struct {
    int (*read)(void *ctx, uint32_t address, void *buffer, uint32_t length); /* 0, or anything else for failure */
    void *ctx;
    uint32_t address;
    uint32_t length; /* bytes from there on that may be read */
} ota_xz_source_t;

/* What blocks are, and what the index says that they are. */
typedef struct {
    uint64_t count, unpadded, unpacked;
    uint32_t crc; /* of all records, one after another */
} ota_xz_records_t;

typedef struct {
    ota_xz_source_t source;
    uint32_t consumed; /* bytes of the source that are decoded; at the end, the stream's size */
    int fault;
    uint8_t stage;
    uint8_t check_size;
    uint8_t flags[2];
    uint8_t need_dict_reset, need_properties;
    uint8_t chunk_is_lzma;
    uint32_t dict_limit;
    uint32_t block_dict; /* the block's dictionary, in bytes */
    uint32_t chunk_left; /* bytes that the chunk still makes */
    uint32_t crc;        /* of the header or index under way */
    uint32_t header_left;
    uint64_t stated_packed, stated_unpacked; /* by the block's header; ~0: not */
    uint32_t block_at, data_at;              /* places in the source */
    uint64_t block_unpacked;
    uint32_t block_crc;
    ota_xz_records_t blocks;
    uint32_t buffer_at, buffer_size;
    uint8_t buffer[1024];
    lzma_t lzma;
} ota_xz_t;

/* Begin a stream. `dict` has room for dict_limit bytes. */
void ota_xz_open(ota_xz_t *xz, const ota_xz_source_t *source, uint8_t *dict, uint32_t dict_limit);

/* Decode up to `size` bytes: how many were there, less than `size` only at the end of a stream that is right; or a fault. */
int32_t ota_xz_read(ota_xz_t *xz, uint8_t *out, uint32_t size);

#endif
