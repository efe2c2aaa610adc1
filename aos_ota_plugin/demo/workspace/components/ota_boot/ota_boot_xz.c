/* SPDX-License-Identifier: Apache-2.0 */
/* An image that is one xz stream. */
#include <stddef.h>

#include "ota_boot_internal.h"

/* The header promises that this is enough. */
typedef char arena_xz_is_enough[OTA_BOOT_ARENA_XZ >= OTA_BOOT_SECTOR + OTA_BOOT_XZ_DICT + sizeof(ota_xz_t) + 24 ? 1 : -1];

typedef struct {
    ota_run_t *run;
    ota_xz_t *xz;
    uint8_t *dict;
    uint8_t *sector;
} unpacker_t;

static int code_of(int32_t fault)
{
    switch (fault) {
    case XZ_MEMORY:
        return OTA_XZ_MEM_FAIL;
    case XZ_UNREAD:
        return OTA_XZ_UNCOMP_FAIL;
    default:
        return OTA_XZ_VERIFY_FAIL;
    }
}

/* Decode the whole stream; with `write`, into the target. *made is the image's size in bytes. */
static int unpack(unpacker_t *unpacker, int write, uint32_t *made)
{
    ota_run_t *run = unpacker->run;
    const ota_layout_t *layout = &run->boot->layout;
    ota_xz_source_t source = ota_source(run, ota_file_address(run), run->state.request.len);
    int32_t size;

    ota_xz_open(unpacker->xz, &source, unpacker->dict, OTA_BOOT_XZ_DICT);
    *made = 0;
    do {
        size = ota_xz_read(unpacker->xz, unpacker->sector, OTA_BOOT_SECTOR);
        if (size < 0) {
            return code_of(size);
        }
        if ((uint32_t)size > layout->bank_size - *made) {
            return OTA_XZ_PARAM_FAIL;
        }
        if (write && size > 0 &&
            ota_flash_replace(run, layout->bank[run->state.target] + *made, unpacker->sector, (uint32_t)size) != 0) {
            return OTA_XZ_UNCOMP_FAIL;
        }
        *made += (uint32_t)size;
    } while (size == (int32_t)OTA_BOOT_SECTOR);
    return 0;
}

/* Find out whether all is right with the file, and how large the image is; nothing is written but the parameters. */
static int prepare(unpacker_t *unpacker)
{
    ota_run_t *run = unpacker->run;
    ota_boot_state_t *state = &run->state;
    uint16_t crc;
    uint32_t size;
    int code;

    if (ota_file_crc(run, ota_file_address(run), state->request.len, &crc) != 0) {
        return OTA_XZ_UNCOMP_FAIL;
    }
    if (crc != state->request.crc) {
        return OTA_XZ_CRC_FAIL;
    }
    code = unpack(unpacker, 0, &size);
    if (code != 0) {
        return code;
    }
    if (size == 0) {
        return OTA_XZ_PARAM_FAIL;
    }
    ota_log(run, "bytes unpacked:", (int32_t)size);
    size = (size + OTA_BOOT_SECTOR - 1) & ~(OTA_BOOT_SECTOR - 1);
    state->target = size <= state->request.file_off ? state->bank ^ 1u : state->bank;
    state->patch_status = 1;
    return ota_state_store(run);
}

int ota_xz_main(ota_run_t *run)
{
    unpacker_t unpacker;
    uint32_t size;
    int code = 0;

    unpacker.run = run;
    unpacker.xz = ota_take(run, sizeof(*unpacker.xz));
    unpacker.dict = ota_take(run, OTA_BOOT_XZ_DICT);
    unpacker.sector = ota_take(run, OTA_BOOT_SECTOR);
    if (unpacker.xz == NULL || unpacker.dict == NULL || unpacker.sector == NULL) {
        return OTA_XZ_MEM_FAIL;
    }
    if (run->state.patch_status == 0) {
        code = prepare(&unpacker);
    }
    return code != 0 ? code : unpack(&unpacker, 1, &size);
}
