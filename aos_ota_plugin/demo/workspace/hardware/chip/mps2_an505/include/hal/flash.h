/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_FLASH_H
#define HAL_FLASH_H

#include <stdint.h>

typedef enum {
    HAL_PARTITION_OTA, /* the bank that does not run */
    HAL_PARTITION_KV,
    HAL_PARTITION_FS,
    HAL_PARTITION_COUNT,
} hal_partition_t;

/* Bytes of a partition. */
uint32_t hal_flash_size(hal_partition_t partition);

/* Copy out of a partition. 0, or -1 when the bytes are not all in it. */
int hal_flash_read(hal_partition_t partition, uint32_t offset, void *buffer, uint32_t length);

/* Clear the bits that are 0 in the data; erased flash takes any. 0, or -1. */
int hal_flash_write(hal_partition_t partition, uint32_t offset, const void *data, uint32_t length);

/* Set every byte to 0xff, in whole sectors. 0, or -1. */
int hal_flash_erase(hal_partition_t partition, uint32_t offset, uint32_t length);

#endif
