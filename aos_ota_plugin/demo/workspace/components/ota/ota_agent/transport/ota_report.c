/* SPDX-License-Identifier: Apache-2.0 */
/* What the log and the platform are told of a code. The texts are those of the vendor's device, misspellings included. */
#include <stdio.h>
#include <string.h>

#include "ota_import.h"
#include "ota_log.h"

static const struct {
    int code;
    const char *name;
    const char *description; /* NULL: the vendor's device has none */
} codes[] = {
    { OTA_SUCCESS, "OTA_SUCCESS", "" },
    { OTA_INIT_FAIL, "OTA_INIT_FAIL", "OTA init failed" },
    { OTA_TRANSPORT_INT_FAIL, "OTA_TRANSPORT_INT_FAIL", "OTA transport init failed" },
    { OTA_TRANSPORT_PAR_FAIL, "OTA_TRANSPORT_PAR_FAIL", "OTA transport parse failed" },
    { OTA_TRANSPORT_VER_FAIL, "OTA_TRANSPORT_VER_FAIL", "OTA transport verion is too old" },
    { OTA_DOWNLOAD_INIT_FAIL, "OTA_DOWNLOAD_INIT_FAIL", "OTA download init failed" },
    { OTA_DOWNLOAD_HEAD_FAIL, "OTA_DOWNLOAD_HEAD_FAIL", "OTA download header failed" },
    { OTA_DOWNLOAD_CON_FAIL, "OTA_DOWNLOAD_CON_FAIL", "OTA download connect failed" },
    { OTA_DOWNLOAD_REQ_FAIL, "OTA_DOWNLOAD_REQ_FAIL", "OTA download request failed" },
    { OTA_DOWNLOAD_RECV_FAIL, "OTA_DOWNLOAD_RECV_FAIL", "OTA download receive failed" },
    { OTA_VERIFY_MD5_FAIL, "OTA_VERIFY_MD5_FAIL", "OTA verfiy MD5 failed" },
    { OTA_VERIFY_SHA2_FAIL, "OTA_VERIFY_SHA2_FAIL", "OTA verfiy SHA256 failed" },
    { OTA_VERIFY_RSA_FAIL, "OTA_VERIFY_RSA_FAIL", "OTA verfiy RSA failed" },
    { OTA_VERIFY_IMAGE_FAIL, "OTA_VERIFY_IMAGE_FAIL", "OTA verfiy image failed" },
    { OTA_UPGRADE_WRITE_FAIL, "OTA_UPGRADE_WRITE_FAIL", "OTA upgrade write failed" },
    { OTA_UPGRADE_PARAM_FAIL, "OTA_UPGRADE_PARAM_FAIL", NULL },
    { OTA_UPGRADE_FW_SIZE_FAIL, "OTA_UPGRADE_FW_SIZE_FAIL", "OTA upgrade FW too big" },
    { OTA_UPGRADE_SET_BOOT_FAIL, "OTA_UPGRADE_SET_BOOT_FAIL", NULL },
    { OTA_CUSTOM_CALLBAK_FAIL, "OTA_CUSTOM_CALLBAK_FAIL", "OTA register callback failed" },
    { OTA_MCU_INIT_FAIL, "OTA_MCU_INIT_FAIL", "OTA MCU init failed" },
    { OTA_MCU_VERSION_FAIL, "OTA_MCU_VERSION_FAIL", "OTA MCU init failed" },
    { OTA_MCU_NOT_READY, "OTA_MCU_NOT_READY", "OTA MCU not ready" },
    { OTA_MCU_REBOOT_FAIL, "OTA_MCU_REBOOT_FAIL", "OTA MCU fail to reboot" },
    { OTA_MCU_HEADER_FAIL, "OTA_MCU_HEADER_FAIL", "OTA MCU header error" },
    { OTA_MCU_UPGRADE_FAIL, "OTA_MCU_UPGRADE_FAIL", "OTA MCU upgrade fail" },
    { OTA_INVALID_PARAMETER, "OTA_INVALID_PARAMETER", "OTA invalid parameter" },
    { OTA_DEVICE_FAULT, "DEVICE_FAULT", NULL },
};

const char *ota_code_name(int code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].code == code) {
            return codes[i].name;
        }
    }
    return "OTA_UNKNOWN";
}

int ota_device_fault(const char *why)
{
    OTA_LOG_E("device fault: %s", why);
    return OTA_DEVICE_FAULT;
}

static const char *description_of(int status)
{
    for (size_t i = 0; status < 0 && i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].code == status && codes[i].description != NULL) {
            return codes[i].description;
        }
    }
    return status < 0 ? "OTA undefined failed" : "";
}

static int step_of(int status)
{
    if (status >= 0) {
        return status;
    }
    if (status <= OTA_DOWNLOAD_INIT_FAIL && status >= OTA_DOWNLOAD_RECV_FAIL) {
        return OTA_REPORT_DOWNLOAD_ERR;
    }
    if (status <= OTA_VERIFY_MD5_FAIL && status >= OTA_VERIFY_IMAGE_FAIL) {
        return OTA_REPORT_VERIFY_ERR;
    }
    if (status == OTA_UPGRADE_WRITE_FAIL || status == OTA_UPGRADE_FW_SIZE_FAIL ||
        (status <= OTA_CUSTOM_CALLBAK_FAIL && status >= OTA_INVALID_PARAMETER)) {
        return OTA_REPORT_BURN_ERR;
    }
    return OTA_REPORT_UPGRADE_ERR;
}

/* A module's name in a message's params; nothing of the firmware, which is the module "default". */
static int module_of(char text[OTA_MSG_LEN], const char *module_name)
{
    text[0] = '\0';
    return strcmp(module_name, "default") == 0 ? 0 : snprintf(text, OTA_MSG_LEN, ",\"module\":\"%s\"", module_name);
}

int ota_inform_message(char message[OTA_MSG_LEN], const char *module_name, const char *version)
{
    char module[OTA_MSG_LEN];
    int named = module_of(module, module_name);
    int length = snprintf(message, OTA_MSG_LEN, "{\"id\":0,\"params\":{\"version\":\"%s\"%s}}", version, module);

    return named < OTA_MSG_LEN && length < OTA_MSG_LEN ? OTA_SUCCESS : OTA_TRANSPORT_INT_FAIL;
}

int ota_progress_message(char message[OTA_MSG_LEN], const char *module_name, int status)
{
    char module[OTA_MSG_LEN];
    int named = module_of(module, module_name);
    int length = snprintf(message, OTA_MSG_LEN, "{\"id\":1,\"params\":{\"step\": \"%d\",\"desc\":\"%s\"%s}}",
                          step_of(status), description_of(status), module);

    return named < OTA_MSG_LEN && length < OTA_MSG_LEN ? OTA_SUCCESS : OTA_TRANSPORT_INT_FAIL;
}
