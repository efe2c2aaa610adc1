/* SPDX-License-Identifier: Apache-2.0 */
#include "ota_xz.h"

#include <string.h>

#include "ota_boot_internal.h"

#define FILTER_LZMA2 0x21
#define NOT_STATED   (~(uint64_t)0)
#define NO_LIMIT     (~(uint32_t)0)

enum { AT_START, AT_BLOCK, AT_CHUNK, IN_CHUNK, AT_END };

static int fault(ota_xz_t *xz, int what)
{
    if (xz->fault == 0) {
        xz->fault = what;
    }
    return -1;
}

/* --- bytes */

static int fill(ota_xz_t *xz)
{
    uint32_t size = xz->source.length < sizeof(xz->buffer) ? xz->source.length : sizeof(xz->buffer);

    if (size == 0) {
        return fault(xz, XZ_DAMAGED);
    }
    if (xz->source.read(xz->source.ctx, xz->source.address, xz->buffer, size) != 0) {
        return fault(xz, XZ_UNREAD);
    }
    xz->source.address += size;
    xz->source.length -= size;
    xz->buffer_at = 0;
    xz->buffer_size = size;
    return 0;
}

/* The next byte, or -1. */
static int next(void *source)
{
    ota_xz_t *xz = source;

    if (xz->buffer_at == xz->buffer_size && fill(xz) != 0) {
        return -1;
    }
    xz->consumed++;
    return xz->buffer[xz->buffer_at++];
}

/* The next byte of what xz->crc and xz->header_left cover, or -1. */
static int header_byte(ota_xz_t *xz)
{
    int byte;
    uint8_t one;

    if (xz->header_left == 0) {
        return fault(xz, XZ_DAMAGED);
    }
    byte = next(xz);
    if (byte >= 0) {
        one = (uint8_t)byte;
        xz->crc = ota_crc32(xz->crc, &one, 1);
        xz->header_left--;
    }
    return byte;
}

/* A number of 7 bits a byte, low ones first, in 9 bytes at most. */
static int number(ota_xz_t *xz, uint64_t *value)
{
    *value = 0;
    for (uint32_t shift = 0; shift < 63; shift += 7) {
        int byte = header_byte(xz);

        if (byte < 0) {
            return -1;
        }
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return byte == 0 && shift > 0 ? fault(xz, XZ_DAMAGED) : 0;
        }
    }
    return fault(xz, XZ_DAMAGED);
}

/* Four bytes, little-endian, that are no part of a checksum. */
static int word(ota_xz_t *xz, uint32_t *value)
{
    *value = 0;
    for (uint32_t shift = 0; shift < 32; shift += 8) {
        int byte = next(xz);

        if (byte < 0) {
            return -1;
        }
        *value |= (uint32_t)byte << shift;
    }
    return 0;
}

static int end_of_checked(ota_xz_t *xz)
{
    uint32_t stated;

    if (word(xz, &stated) != 0) {
        return -1;
    }
    return stated == xz->crc ? 0 : fault(xz, XZ_DAMAGED);
}

static void start_of_checked(ota_xz_t *xz, uint32_t length)
{
    xz->crc = 0;
    xz->header_left = length;
}

/* --- the parts of a stream */

static int stream_header(ota_xz_t *xz)
{
    static const uint8_t MAGIC[6] = { 0xFD, '7', 'z', 'X', 'Z', 0 };

    for (uint32_t at = 0; at < sizeof(MAGIC); at++) {
        int byte = next(xz);

        if (byte < 0 || (uint8_t)byte != MAGIC[at]) {
            return fault(xz, XZ_DAMAGED);
        }
    }
    start_of_checked(xz, sizeof(xz->flags));
    for (uint32_t at = 0; at < sizeof(xz->flags); at++) {
        int byte = header_byte(xz);

        if (byte < 0) {
            return -1;
        }
        xz->flags[at] = (uint8_t)byte;
    }
    if (end_of_checked(xz) != 0 || xz->flags[0] != 0 || xz->flags[1] > 1) {
        return fault(xz, XZ_DAMAGED);
    }
    xz->check_size = xz->flags[1] == 1 ? 4 : 0;
    xz->stage = AT_BLOCK;
    return 0;
}

static int dictionary(ota_xz_t *xz)
{
    int code = header_byte(xz);

    if (code < 0 || code > 40) {
        return fault(xz, XZ_DAMAGED);
    }
    xz->block_dict = code == 40 ? 0xFFFFFFFFu : (2u | ((uint32_t)code & 1u)) << (code / 2 + 11);
    return xz->block_dict > xz->dict_limit ? fault(xz, XZ_MEMORY) : 0;
}

static int block_header(ota_xz_t *xz, uint32_t size)
{
    int flags = header_byte(xz);
    uint64_t filter, properties;

    if (flags < 0 || (flags & 0x3F) != 0) { /* one filter, nothing undefined */
        return fault(xz, XZ_DAMAGED);
    }
    xz->stated_packed = xz->stated_unpacked = NOT_STATED;
    if (((flags & 0x40) != 0 && number(xz, &xz->stated_packed) != 0) ||
        ((flags & 0x80) != 0 && number(xz, &xz->stated_unpacked) != 0) || number(xz, &filter) != 0 ||
        number(xz, &properties) != 0) {
        return -1;
    }
    if (filter != FILTER_LZMA2 || properties != 1) {
        return fault(xz, XZ_DAMAGED);
    }
    if (dictionary(xz) != 0) {
        return -1;
    }
    while (xz->header_left > 0) {
        if (header_byte(xz) != 0) {
            return fault(xz, XZ_DAMAGED);
        }
    }
    if (end_of_checked(xz) != 0) {
        return -1;
    }
    xz->block_at = xz->consumed - size;
    xz->data_at = xz->consumed;
    xz->block_unpacked = 0;
    xz->block_crc = 0;
    xz->need_dict_reset = xz->need_properties = 1;
    xz->stage = AT_CHUNK;
    return 0;
}

static int zeros_up_to_four(ota_xz_t *xz, uint32_t length, int (*byte)(ota_xz_t *))
{
    for (; length % 4 != 0; length++) {
        if (byte(xz) != 0) {
            return fault(xz, XZ_DAMAGED);
        }
    }
    return 0;
}

static int unchecked_byte(ota_xz_t *xz)
{
    return next(xz);
}

static void record(ota_xz_records_t *records, uint64_t unpadded, uint64_t unpacked)
{
    uint64_t both[2];

    both[0] = unpadded;
    both[1] = unpacked;
    records->count++;
    records->unpadded += unpadded;
    records->unpacked += unpacked;
    records->crc = ota_crc32(records->crc, (const uint8_t *)both, sizeof(both));
}

static int block_end(ota_xz_t *xz)
{
    uint32_t packed = xz->consumed - xz->data_at, length = xz->consumed - xz->block_at, stated;

    if ((xz->stated_packed != NOT_STATED && xz->stated_packed != packed) ||
        (xz->stated_unpacked != NOT_STATED && xz->stated_unpacked != xz->block_unpacked)) {
        return fault(xz, XZ_DAMAGED);
    }
    if (zeros_up_to_four(xz, packed, unchecked_byte) != 0) {
        return -1;
    }
    if (xz->check_size != 0 && (word(xz, &stated) != 0 || stated != xz->block_crc)) {
        return fault(xz, XZ_DAMAGED);
    }
    record(&xz->blocks, (uint64_t)length + xz->check_size, xz->block_unpacked);
    xz->stage = AT_BLOCK;
    return 0;
}

static int footer(ota_xz_t *xz, uint32_t index_size)
{
    uint32_t crc, backward = 0;
    uint8_t body[6];

    if (word(xz, &crc) != 0) {
        return -1;
    }
    for (uint32_t at = 0; at < sizeof(body) + 2; at++) {
        int byte = next(xz);

        if (byte < 0) {
            return -1;
        }
        if (at >= sizeof(body)) {
            if (byte != "YZ"[at - sizeof(body)]) {
                return fault(xz, XZ_DAMAGED);
            }
            continue;
        }
        body[at] = (uint8_t)byte;
    }
    memcpy(&backward, body, sizeof(backward));
    if (crc != ota_crc32(0, body, sizeof(body)) || memcmp(body + 4, xz->flags, sizeof(xz->flags)) != 0 ||
        ((uint64_t)backward + 1) * 4 != index_size) {
        return fault(xz, XZ_DAMAGED);
    }
    xz->stage = AT_END;
    return 0;
}

/* Behind the zero byte that says that it is no block. */
static int index_and_footer(ota_xz_t *xz)
{
    ota_xz_records_t stated;
    uint64_t count, unpadded, unpacked;
    uint32_t start = xz->consumed - 1;

    memset(&stated, 0, sizeof(stated));
    if (number(xz, &count) != 0) {
        return -1;
    }
    if (count != xz->blocks.count) {
        return fault(xz, XZ_DAMAGED);
    }
    while (stated.count < count) {
        if (number(xz, &unpadded) != 0 || number(xz, &unpacked) != 0) {
            return -1;
        }
        record(&stated, unpadded, unpacked);
    }
    if (stated.unpadded != xz->blocks.unpadded || stated.unpacked != xz->blocks.unpacked ||
        stated.crc != xz->blocks.crc) {
        return fault(xz, XZ_DAMAGED);
    }
    if (zeros_up_to_four(xz, xz->consumed - start, header_byte) != 0 || end_of_checked(xz) != 0) {
        return -1;
    }
    return footer(xz, xz->consumed - start);
}

static int block_or_index(ota_xz_t *xz)
{
    int first;

    start_of_checked(xz, NO_LIMIT);
    first = header_byte(xz);
    if (first < 0) {
        return -1;
    }
    if (first == 0) {
        return index_and_footer(xz);
    }
    xz->header_left = (uint32_t)first * 4 - 1;
    return block_header(xz, ((uint32_t)first + 1) * 4);
}

/* Two bytes, the higher first. */
static int pair(ota_xz_t *xz, uint32_t *value)
{
    int high = next(xz), low = high < 0 ? -1 : next(xz);

    *value = low < 0 ? 0 : (uint32_t)high << 8 | (uint32_t)low;
    return low < 0 ? -1 : 0;
}

static int lzma_chunk(ota_xz_t *xz, uint32_t control)
{
    uint32_t size, packed;

    if (pair(xz, &size) != 0 || pair(xz, &packed) != 0) {
        return -1;
    }
    if (control >= 0xC0) {
        int byte = next(xz);

        if (byte < 0 || lzma_properties(&xz->lzma, (uint8_t)byte) != 0) {
            return fault(xz, XZ_DAMAGED);
        }
        xz->need_properties = 0;
    } else if (xz->need_properties) {
        return fault(xz, XZ_DAMAGED);
    }
    if (control >= 0xA0) {
        lzma_state_reset(&xz->lzma);
    }
    xz->chunk_left = ((control & 0x1F) << 16) + size + 1;
    xz->chunk_is_lzma = 1;
    return lzma_chunk_start(&xz->lzma, packed + 1) != 0 ? fault(xz, XZ_DAMAGED) : 0;
}

static int chunk(ota_xz_t *xz)
{
    int control = next(xz);
    uint32_t size;

    if (control < 0) {
        return -1;
    }
    if (control == 0) {
        return block_end(xz);
    }
    if (control == 1 || control >= 0xE0) {
        lzma_dict_reset(&xz->lzma, xz->block_dict);
        xz->need_dict_reset = 0;
        xz->need_properties = 1;
    } else if (xz->need_dict_reset || (control > 2 && control < 0x80)) {
        return fault(xz, XZ_DAMAGED);
    }
    xz->stage = IN_CHUNK;
    if (control >= 0x80) {
        return lzma_chunk(xz, (uint32_t)control);
    }
    if (pair(xz, &size) != 0) {
        return -1;
    }
    xz->chunk_left = size + 1;
    xz->chunk_is_lzma = 0;
    return 0;
}

static int chunk_end(ota_xz_t *xz)
{
    xz->stage = AT_CHUNK;
    return xz->chunk_is_lzma && lzma_chunk_end(&xz->lzma) != 0 ? fault(xz, XZ_DAMAGED) : 0;
}

/* Go on to where bytes come out, or one step towards it. */
static int advance(ota_xz_t *xz)
{
    switch (xz->stage) {
    case AT_START:
        return stream_header(xz);
    case AT_BLOCK:
        return block_or_index(xz);
    case AT_CHUNK:
        return chunk(xz);
    default:
        return chunk_end(xz);
    }
}

static int bytes_of_chunk(ota_xz_t *xz, uint8_t *out, uint32_t size)
{
    if (xz->chunk_is_lzma) {
        if (lzma_decode(&xz->lzma, out, size) != 0) {
            return fault(xz, XZ_DAMAGED);
        }
    } else {
        for (uint32_t at = 0; at < size; at++) {
            int byte = next(xz);

            if (byte < 0) {
                return -1;
            }
            out[at] = (uint8_t)byte;
            lzma_put(&xz->lzma, out[at]);
        }
    }
    xz->chunk_left -= size;
    xz->block_unpacked += size;
    if (xz->check_size != 0) {
        xz->block_crc = ota_crc32(xz->block_crc, out, size);
    }
    return 0;
}

void ota_xz_open(ota_xz_t *xz, const ota_xz_source_t *source, uint8_t *dict, uint32_t dict_limit)
{
    memset(xz, 0, sizeof(*xz));
    xz->source = *source;
    xz->dict_limit = dict_limit;
    xz->lzma.dict = dict;
    xz->lzma.next = next;
    xz->lzma.source = xz;
}

int32_t ota_xz_read(ota_xz_t *xz, uint8_t *out, uint32_t size)
{
    uint32_t made = 0;

    while (made < size && xz->stage != AT_END && xz->fault == 0) {
        if (xz->stage == IN_CHUNK && xz->chunk_left > 0) {
            uint32_t part = size - made < xz->chunk_left ? size - made : xz->chunk_left;

            if (bytes_of_chunk(xz, out + made, part) == 0) {
                made += part;
            }
        } else {
            (void)advance(xz);
        }
    }
    return xz->fault != 0 ? xz->fault : (int32_t)made;
}
