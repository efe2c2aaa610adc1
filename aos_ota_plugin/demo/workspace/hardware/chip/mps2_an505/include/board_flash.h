/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOARD_FLASH_H
#define BOARD_FLASH_H

#include "ota_boot.h"

/* The board's flash, its layout and its log, as the boot stage's functions want them; the arena is the caller's. */
ota_boot_t *board_boot(void);

/* Writes and erases since power was switched on, over restarts. */
uint32_t board_flash_operations(void);

/* 0 when the device has been started so often since power was switched on that it will not come to an end. */
int board_starts_again(void);

#endif
