/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot parameters: two sectors, a copy in each. A new one goes over the older, so that power lost meanwhile leaves
 * the other as it was; the checksum tells a copy that was not finished.
 */
#include <stddef.h>

#include "ota_boot_internal.h"

#define STATE_MAGIC 0x4254544Fu /* "OTTB" */

static uint32_t checksum(const ota_boot_state_t *state)
{
    return ota_crc32(0, (const uint8_t *)state, offsetof(ota_boot_state_t, crc));
}

static int valid(const ota_boot_state_t *state)
{
    return state->magic == STATE_MAGIC && state->crc == checksum(state) && state->bank < 2 && state->target < 2;
}

int ota_state_load(ota_run_t *run)
{
    const uint32_t *places = run->boot->layout.parameter;
    ota_boot_state_t other;

    if (ota_flash_read(run, places[0], &run->state, sizeof(run->state)) != 0 ||
        ota_flash_read(run, places[1], &other, sizeof(other)) != 0) {
        return OTA_BOOT_PARAM_FAIL;
    }
    run->slot = 0;
    if (valid(&other) && (!valid(&run->state) || (int32_t)(other.sequence - run->state.sequence) > 0)) {
        run->state = other;
        run->slot = 1;
    } else if (!valid(&run->state)) {
        memset(&run->state, 0, sizeof(run->state));
        run->state.magic = STATE_MAGIC;
    }
    return 0;
}

int ota_state_store(ota_run_t *run)
{
    uint32_t slot = run->slot ^ 1u;
    uint32_t place = run->boot->layout.parameter[slot];
    ota_boot_state_t written;

    run->state.sequence++;
    run->state.crc = checksum(&run->state);
    if (ota_flash_erase(run, place) != 0 || ota_flash_write(run, place, &run->state, sizeof(run->state)) != 0 ||
        ota_flash_read(run, place, &written, sizeof(written)) != 0 ||
        memcmp(&written, &run->state, sizeof(written)) != 0) {
        ota_log(run, "boot parameters are not stored: sector", (int32_t)slot);
        return OTA_BOOT_PARAM_FAIL;
    }
    run->slot = slot;
    return 0;
}
