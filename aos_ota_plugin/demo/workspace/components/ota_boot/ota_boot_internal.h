/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the boot stage use of one another. */
#ifndef OTA_BOOT_INTERNAL_H
#define OTA_BOOT_INTERNAL_H

#include <stdint.h>
#include <string.h>

#include "ota_boot.h"
#include "ota_xz.h"

/* One call: the caller's boot, the parameters, what is taken of the arena, and whether flash has failed. */
typedef struct {
    ota_boot_t *boot;
    ota_boot_state_t state;
    uint32_t slot; /* which of the two copies the state stands in */
    uint32_t taken;
    int flash_failed;
} ota_run_t;

/* ota_crc.c: CRC-16/XMODEM and CRC-32, each from 0 or from what it was over the bytes before. */
uint16_t ota_crc16(uint16_t crc, const uint8_t *data, uint32_t length);
uint32_t ota_crc32(uint32_t crc, const uint8_t *data, uint32_t length);

/* ota_boot_state.c: 0, or OTA_BOOT_PARAM_FAIL. */
int ota_state_load(ota_run_t *run);
int ota_state_store(ota_run_t *run);

/* ota_boot_run.c: flash is 0, or -1 with flash_failed. */
void ota_log(const ota_run_t *run, const char *what, int32_t value);
void *ota_take(ota_run_t *run, uint32_t size); /* of the arena; NULL when there is no more */
int ota_flash_read(ota_run_t *run, uint32_t address, void *buffer, uint32_t length);
int ota_flash_write(ota_run_t *run, uint32_t address, const void *data, uint32_t length);
int ota_flash_erase(ota_run_t *run, uint32_t address);
int ota_flash_replace(ota_run_t *run, uint32_t address, const void *data, uint32_t length); /* one sector */
uint32_t ota_file_address(const ota_run_t *run);
ota_xz_source_t ota_source(ota_run_t *run, uint32_t address, uint32_t length);
int ota_file_crc(ota_run_t *run, uint32_t address, uint32_t length, uint16_t *crc); /* 0, or -1 */

/* ota_boot_xz.c, ota_boot_nbdiff.c: apply the requested upgrade, or go on with it. One of OTA_UPDATER_E. */
int ota_xz_main(ota_run_t *run);
int ota_nbpatch_main(ota_run_t *run);

#endif
