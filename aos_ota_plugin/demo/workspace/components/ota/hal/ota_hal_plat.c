/* SPDX-License-Identifier: Apache-2.0 */
/* The board's side: the OTA partition, and what is known of the upgrade at hand. */
#include <string.h>

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
    OTA_LOG_I("version %s is accepted: the boot loader takes it from here", param->ver);
    return OTA_SUCCESS;
}
