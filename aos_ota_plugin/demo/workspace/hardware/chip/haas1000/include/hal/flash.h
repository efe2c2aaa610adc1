/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_FLASH_H
#define HAL_FLASH_H

#include <stdint.h>

typedef enum {
    HAL_PARTITION_OTA, /* RTOSB */
    HAL_PARTITION_KV,
    HAL_PARTITION_COUNT,
} hal_partition_t;

/* Copy out of a partition. 0, or -1 when the bytes are not all in it. */
int hal_flash_read(hal_partition_t partition, uint32_t offset, void *buffer, uint32_t length);

#endif
