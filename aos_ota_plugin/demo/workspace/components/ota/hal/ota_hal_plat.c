/* SPDX-License-Identifier: Apache-2.0 */
/* The board's side: the OTA partition, and what is known of the upgrade at hand. */
#include <string.h>

#include "hal/boot.h"
#include "hal/flash.h"
#include "ota_import.h"
#include "ota_log.h"

/* In RAM: a demo that restarts has forgotten the push, and the platform pushes again. */
static ota_boot_param_t parameter;
static int parameter_set;

int ota_read_parameter(ota_boot_param_t *param)
{
    if (!parameter_set) {
        return OTA_UPGRADE_PARAM_FAIL;
    }
    *param = parameter;
    return OTA_SUCCESS;
}

int ota_update_parameter(const ota_boot_param_t *param)
{
    parameter = *param;
    parameter_set = 1;
    return OTA_SUCCESS;
}

int ota_clear(void)
{
    memset(&parameter, 0, sizeof(parameter));
    parameter_set = 0;
    return OTA_SUCCESS;
}

#define SECTOR_SIZE 0x1000u

uint32_t ota_partition_size(void)
{
    return hal_flash_size(HAL_PARTITION_OTA);
}

int ota_erase(uint32_t length)
{
    length = (length + SECTOR_SIZE - 1) & ~(SECTOR_SIZE - 1);
    return hal_flash_erase(HAL_PARTITION_OTA, 0, length) == 0 ? OTA_SUCCESS : OTA_UPGRADE_WRITE_FAIL;
}

int ota_write(uint32_t *offset, const void *data, uint32_t length)
{
    if (hal_flash_write(HAL_PARTITION_OTA, *offset, data, length) != 0) {
        return OTA_UPGRADE_WRITE_FAIL;
    }
    *offset += length;
    return OTA_SUCCESS;
}

int ota_read(uint32_t *offset, void *buffer, uint32_t length)
{
    if (hal_flash_read(HAL_PARTITION_OTA, *offset, buffer, length) != 0) {
        return OTA_VERIFY_IMAGE_FAIL;
    }
    *offset += length;
    return OTA_SUCCESS;
}

int ota_hal_boot(ota_boot_param_t *param)
{
    int ret;

    OTA_LOG_I("version %s is accepted: the boot loader takes it from here", param->ver);
    ret = hal_boot_upgrade(param->upg_flag, param->len, param->ver);
    if (ret < 0) {
        OTA_LOG_E("the boot loader refuses: %d", ret);
        return OTA_UPGRADE_SET_BOOT_FAIL;
    }
    return OTA_SUCCESS;
}

int ota_hal_works(void)
{
    return hal_boot_confirm() == 0 ? OTA_SUCCESS : OTA_UPGRADE_PARAM_FAIL;
}
