/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/boot.h"

#include <stdio.h>
#include <string.h>

#include "board_flash.h"
#include "hal/cpu.h"
#include "semihost.h"

int hal_boot_upgrade(uint16_t upg_flag, uint32_t length, const char *version)
{
    ota_boot_request_t request = { .upg_flag = upg_flag, .len = length };
    int ret;

    if (semihost_argument("batch") != NULL) {
        return 0;
    }
    strncpy(request.ver, version, sizeof(request.ver) - 1);
    ret = ota_boot_file_crc(board_boot(), 0, length, &request.crc);
    if (ret == 0) {
        ret = ota_boot_request(board_boot(), &request);
    }
    if (ret == 0) {
        hal_cpu_reset();
    }
    return ret;
}

int hal_boot_confirm(void)
{
    int ret = ota_boot_confirm(board_boot());

    if (ret == 0) {
        hal_watchdog_stop();
    }
    return ret;
}
