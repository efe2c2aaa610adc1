/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A diff, applied over the active bank section by section. A section:
 *
 *   0   char[8]  BSDIFF40
 *   8   five integers of 8 bytes, little-endian, sign in the top bit: bytes of the ctrl, diff and extra streams, bytes
 *       that the section makes, CRC-16/XMODEM of those
 *   48  the three xz streams. ctrl: triples of such integers (add, copy, seek): add so many bytes of diff to the base, copy
 *       so many of extra, go on so far in the base. What stands behind the last section's extra stream is not read.
 *
 * The base is the bank as it is by then: the new image up to the section, the old one behind.
 */
#include <stddef.h>

#include "ota_boot_internal.h"

#define HEADER_SIZE 48u
#define TRIPLE_SIZE 24u
#define BASE_SIZE   512u /* bytes of the base at a time */
#define FAR         ((int64_t)1 << 32)

enum { CTRL, DIFF, EXTRA, STREAMS };

static const int FAULT_OF[STREAMS] = { OTA_NB_READ_CTRL_FAIL, OTA_NB_READ_DIFF_FAIL, OTA_NB_READ_EXTRA_FAIL };

/* The header promises that this is enough. */
typedef char arena_diff_is_enough
    [OTA_BOOT_ARENA_DIFF >= OTA_BOOT_SECTOR + BASE_SIZE + 3 * (OTA_BOOT_DIFF_DICT + sizeof(ota_xz_t) + 8) + 16 ? 1 : -1];

typedef struct {
    ota_run_t *run;
    ota_xz_t *xz[STREAMS];
    uint8_t *dict[STREAMS];
    uint8_t *sector;
    uint8_t *base;
    /* The section at hand. */
    uint32_t length[STREAMS];
    uint32_t size; /* bytes in the file */
    uint32_t new_size;
    uint16_t crc;
    /* How far it is. */
    uint32_t used[STREAMS]; /* bytes out of each stream */
    uint32_t filled;        /* bytes in sector */
    uint32_t written;       /* bytes in the journal */
    uint16_t crc_made;
} patch_t;

typedef struct {
    int64_t add, copy, seek;
} triple_t;

static int64_t integer(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (int at = 7; at >= 0; at--) {
        value = value << 8 | (at == 7 ? bytes[at] & 0x7Fu : bytes[at]);
    }
    return (bytes[7] & 0x80) != 0 ? -(int64_t)value : (int64_t)value;
}

static uint32_t journal_of(const ota_run_t *run)
{
    const ota_layout_t *layout = &run->boot->layout;

    return layout->bank[run->state.bank ^ 1u] + layout->bank_size - layout->journal_size;
}

/* --- a section's streams */

static int open_section(patch_t *patch, uint32_t at)
{
    ota_run_t *run = patch->run;
    uint32_t address = ota_file_address(run) + at, left = run->state.request.len - at;
    uint8_t header[HEADER_SIZE];
    int64_t new_size, crc;

    if (left < HEADER_SIZE || ota_flash_read(run, address, header, HEADER_SIZE) != 0 ||
        memcmp(header, "BSDIFF40", 8) != 0) {
        return OTA_NB_HEADER_FAIL;
    }
    patch->size = HEADER_SIZE;
    for (int which = 0; which < STREAMS; which++) {
        int64_t length = integer(header + 8 + 8 * which);
        ota_xz_source_t source = ota_source(run, address + patch->size, (uint32_t)length);

        if (length < 0 || length > (int64_t)(left - patch->size)) {
            return OTA_NB_HEADER_FAIL;
        }
        patch->length[which] = (uint32_t)length;
        patch->size += (uint32_t)length;
        patch->used[which] = 0;
        ota_xz_open(patch->xz[which], &source, patch->dict[which], OTA_BOOT_DIFF_DICT);
    }
    new_size = integer(header + 32);
    crc = integer(header + 40);
    if (new_size <= 0 || crc < 0 || crc > 0xFFFF) {
        return OTA_NB_HEADER_FAIL;
    }
    if (new_size > (int64_t)run->boot->layout.journal_size) {
        return OTA_NB_MEMORY_FAIL;
    }
    patch->new_size = (uint32_t)new_size;
    patch->crc = (uint16_t)crc;
    patch->filled = patch->written = 0;
    patch->crc_made = 0;
    return 0;
}

/* Exactly so many bytes of a stream. */
static int take(patch_t *patch, int which, uint8_t *out, uint32_t size)
{
    if (ota_xz_read(patch->xz[which], out, size) != (int32_t)size) {
        return FAULT_OF[which];
    }
    patch->used[which] += size;
    return 0;
}

/* The stream to its end, which shows whether it was right: not more bytes in all than `limit`. */
static int drain(patch_t *patch, int which, uint32_t limit)
{
    int32_t size;

    do {
        size = ota_xz_read(patch->xz[which], patch->sector, OTA_BOOT_SECTOR);
        if (size < 0 || (uint32_t)size > limit - patch->used[which]) {
            return FAULT_OF[which];
        }
        patch->used[which] += (uint32_t)size;
    } while (size == (int32_t)OTA_BOOT_SECTOR);
    /* Only extra may have something behind it: a trailer. */
    return which != EXTRA && patch->xz[which]->consumed != patch->length[which] ? FAULT_OF[which] : 0;
}

/* The next triple, which stays inside the bank and makes no more than `left` bytes. */
static int next_triple(patch_t *patch, triple_t *triple, int64_t base_at, uint32_t left)
{
    uint8_t bytes[TRIPLE_SIZE];

    if (patch->used[CTRL] > TRIPLE_SIZE * patch->new_size || take(patch, CTRL, bytes, TRIPLE_SIZE) != 0) {
        return OTA_NB_READ_CTRL_FAIL;
    }
    triple->add = integer(bytes);
    triple->copy = integer(bytes + 8);
    triple->seek = integer(bytes + 16);
    if (triple->add < 0 || triple->copy < 0 || triple->add > (int64_t)left || triple->copy > (int64_t)left - triple->add) {
        return OTA_NB_READ_CTRL_FAIL;
    }
    if (base_at < 0 || base_at > (int64_t)patch->run->boot->layout.bank_size - triple->add) {
        return OTA_NB_READ_OLD_FAIL;
    }
    return 0;
}

/* Where the base goes on: -1 for places that no bank has. */
static int64_t moved(int64_t base_at, const triple_t *triple)
{
    if (triple->seek > FAR || triple->seek < -FAR) {
        return -1;
    }
    return base_at + triple->add + triple->seek;
}

/* --- checking, before anything is written */

static int check_section(patch_t *patch)
{
    int64_t base_at = 0;
    uint32_t left = patch->new_size, add = 0, copy = 0;
    int code = 0;

    while (left > 0) {
        triple_t triple;

        code = next_triple(patch, &triple, base_at, left);
        if (code != 0) {
            return code;
        }
        add += (uint32_t)triple.add;
        copy += (uint32_t)triple.copy;
        left -= (uint32_t)(triple.add + triple.copy);
        base_at = moved(base_at, &triple);
    }
    code = drain(patch, CTRL, TRIPLE_SIZE * (patch->new_size + 1));
    if (code == 0) {
        code = drain(patch, DIFF, patch->new_size);
    }
    if (code == 0) {
        code = drain(patch, EXTRA, patch->new_size);
    }
    if (code != 0) {
        return code;
    }
    if (patch->used[DIFF] < add) {
        return OTA_NB_READ_DIFF_FAIL;
    }
    return patch->used[EXTRA] < copy ? OTA_NB_READ_EXTRA_FAIL : 0;
}

static int check_file(patch_t *patch)
{
    const ota_boot_request_t *request = &patch->run->state.request;
    uint32_t at = 0, new_at = 0;
    uint16_t crc;

    if (ota_file_crc(patch->run, ota_file_address(patch->run), request->len, &crc) != 0) {
        return OTA_NB_HEADER_FAIL;
    }
    if (crc != request->crc) {
        return OTA_NB_CRC_COMP_FAIL;
    }
    while (at < request->len) {
        int code = open_section(patch, at);

        if (code == 0) {
            code = check_section(patch);
        }
        if (code != 0) {
            ota_log(patch->run, "section is not right, at byte", (int32_t)at);
            return code;
        }
        at += patch->size;
        if (at < request->len &&
            (patch->new_size % OTA_BOOT_SECTOR != 0 || patch->xz[EXTRA]->consumed != patch->length[EXTRA])) {
            return OTA_NB_HEADER_FAIL;
        }
        if (patch->new_size > patch->run->boot->layout.bank_size - new_at) {
            return OTA_NB_WRITE_DATA_FAIL;
        }
        new_at += patch->new_size;
    }
    return 0;
}

/* --- rebuilding, into the journal */

static int flush(patch_t *patch)
{
    ota_run_t *run = patch->run;

    if (patch->filled == 0) {
        return 0;
    }
    patch->crc_made = ota_crc16(patch->crc_made, patch->sector, patch->filled);
    if (ota_flash_replace(run, journal_of(run) + patch->written, patch->sector, patch->filled) != 0) {
        return OTA_NB_WRITE_DATA_FAIL;
    }
    patch->written += patch->filled;
    patch->filled = 0;
    return 0;
}

/* `size` bytes of a stream, with DIFF on top of the bank's bytes from `base_at` on. */
static int make(patch_t *patch, int which, uint32_t base_at, uint32_t size)
{
    ota_run_t *run = patch->run;
    int code = 0;

    while (size > 0 && code == 0) {
        uint32_t room = OTA_BOOT_SECTOR - patch->filled, part = size < room ? size : room;
        uint8_t *out = patch->sector + patch->filled;

        part = part < BASE_SIZE ? part : BASE_SIZE;
        code = take(patch, which, out, part);
        if (code == 0 && which == DIFF) {
            if (ota_flash_read(run, run->boot->layout.bank[run->state.bank] + base_at, patch->base, part) != 0) {
                return OTA_NB_READ_OLD_FAIL;
            }
            for (uint32_t at = 0; at < part; at++) {
                out[at] = (uint8_t)(out[at] + patch->base[at]);
            }
            base_at += part;
        }
        size -= part;
        patch->filled += part;
        if (code == 0 && patch->filled == OTA_BOOT_SECTOR) {
            code = flush(patch);
        }
    }
    return code;
}

static int rebuild(patch_t *patch)
{
    ota_boot_state_t *state = &patch->run->state;
    int64_t base_at = 0;
    int code = open_section(patch, state->patch_off);
    uint32_t left = patch->new_size;

    while (code == 0 && left > 0) {
        triple_t triple;

        code = next_triple(patch, &triple, base_at, left);
        if (code == 0) {
            code = make(patch, DIFF, (uint32_t)base_at, (uint32_t)triple.add);
        }
        if (code == 0) {
            code = make(patch, EXTRA, 0, (uint32_t)triple.copy);
        }
        if (code == 0) {
            left -= (uint32_t)(triple.add + triple.copy);
            base_at = moved(base_at, &triple);
        }
    }
    if (code == 0) {
        code = flush(patch);
    }
    if (code == 0 && patch->crc_made != patch->crc) {
        code = OTA_NB_CRC_COMP_FAIL;
    }
    if (code != 0) {
        ota_log(patch->run, "section is not rebuilt, at byte", (int32_t)state->patch_off);
        return code;
    }
    state->patch_off += patch->size;
    state->new_size = patch->new_size;
    state->patch_status = 1;
    return ota_state_store(patch->run);
}

/* --- copying, out of the journal */

static int copy_section(patch_t *patch)
{
    ota_run_t *run = patch->run;
    ota_boot_state_t *state = &run->state;
    uint32_t from = journal_of(run), to = run->boot->layout.bank[state->bank] + state->new_off;

    for (uint32_t at = 0; at < state->new_size; at += OTA_BOOT_SECTOR) {
        uint32_t left = state->new_size - at, size = left < OTA_BOOT_SECTOR ? left : OTA_BOOT_SECTOR;

        if (ota_flash_read(run, from + at, patch->sector, size) != 0 ||
            ota_flash_replace(run, to + at, patch->sector, size) != 0) {
            return OTA_NB_WRITE_DATA_FAIL;
        }
    }
    state->new_off += state->new_size;
    state->patch_status = 0;
    ota_log(run, "bytes of the new version are in place:", (int32_t)state->new_off);
    return ota_state_store(run);
}

static int allocate(patch_t *patch, ota_run_t *run)
{
    int missing = 0;

    memset(patch, 0, sizeof(*patch));
    patch->run = run;
    for (int which = 0; which < STREAMS; which++) {
        patch->xz[which] = ota_take(run, sizeof(ota_xz_t));
        patch->dict[which] = ota_take(run, OTA_BOOT_DIFF_DICT);
        missing |= patch->xz[which] == NULL || patch->dict[which] == NULL;
    }
    patch->sector = ota_take(run, OTA_BOOT_SECTOR);
    patch->base = ota_take(run, BASE_SIZE);
    return missing || patch->sector == NULL || patch->base == NULL ? OTA_NB_MEMORY_FAIL : 0;
}

static int to_do(const ota_boot_state_t *state)
{
#ifdef OTA_BOOT_VENDOR_FAULTS
    return state->patch_off < state->request.len; /* that a rebuilt section may wait is not asked */
#else
    return state->patch_off < state->request.len || state->patch_status != 0;
#endif
}

int ota_nbpatch_main(ota_run_t *run)
{
    const ota_boot_state_t *state = &run->state;
    patch_t patch;
    int code = allocate(&patch, run);

    if (code == 0 && state->patch_off == 0) {
        code = check_file(&patch);
    }
    while (code == 0 && to_do(state)) {
        code = state->patch_status == 0 ? rebuild(&patch) : 0;
        if (code == 0) {
            code = copy_section(&patch);
        }
    }
    return code;
}
