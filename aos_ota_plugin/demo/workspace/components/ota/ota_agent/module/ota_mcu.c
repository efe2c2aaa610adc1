/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upgrades of the connected MCU. Its image has the trailer that the firmware's has, and passed the same checks; what stands
 * before the trailer is the MCU's. Its version is the new one only when the MCU has taken all of it.
 */
#include <stdio.h>

#include "ota_import.h"
#include "ota_log.h"

#define TRIES 3 /* of the whole transfer */

/* The magic is not signed: this finds the wrong file, not a forged one. */
static int is_for_mcu(uint32_t length)
{
    ota_image_info_t info;
    uint32_t offset = length - sizeof(info);

    return ota_read(&offset, &info, sizeof(info)) == OTA_SUCCESS && info.image_magic == OTA_BIN_MAGIC_MCU;
}

static int feed(const char *module_name, uint32_t length)
{
    char name[sizeof(((ota_store_module_info_t *)0)->module_name) + sizeof(".bin")];

    snprintf(name, sizeof(name), "%s.bin", module_name);
    for (int i = 1; i <= TRIES; i++) {
        const char *problem;

        OTA_LOG_I("%lu bytes to the MCU, try %d of %d", (unsigned long)length, i, TRIES);
        problem = ota_hal_mcu_send(name, length);
        if (problem == NULL) {
            return OTA_SUCCESS;
        }
        OTA_LOG_W("%s", problem);
    }
    return OTA_UPGRADE_WRITE_FAIL;
}

int ota_mcu_install(ota_service_t *ctx, const ota_store_module_info_t *info, const ota_boot_param_t *param)
{
    int ret;

    if (!is_for_mcu(param->len)) {
        OTA_LOG_E("this is no image for a MCU");
        return OTA_VERIFY_IMAGE_FAIL;
    }
    ret = feed(info->module_name, param->len - ota_trailer_size());
    if (ret == OTA_SUCCESS) {
        ret = ota_module_is(info, param->ver);
    }
    if (ret < 0) {
        return ret;
    }
    OTA_LOG_I("version %s is accepted: module %s has it, over Ymodem", param->ver, info->module_name);
    return ota_report_module_version(ctx, (char *)info->module_name, (char *)param->ver);
}
