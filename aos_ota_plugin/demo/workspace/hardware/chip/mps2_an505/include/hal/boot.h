/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_BOOT_H
#define HAL_BOOT_H

#include <stdint.h>

/*
 * Have the boot stage apply the file at the start of the OTA partition, and start anew.
 * upg_flag is one of OTA_UPGRADE_…. Returns, with a negative number, only when that is refused.
 */
int hal_boot_upgrade(uint16_t upg_flag, uint32_t length, const char *version);

/* This version works: it will not be rolled back. */
int hal_boot_confirm(void);

#endif
