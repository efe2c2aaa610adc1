/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules that the application updates by itself: it registers them one by one, and asks for their file when a push comes.
 * The vendor's application does so.
 */
#include <string.h>

#include "filestore.h"
#include "ota_import.h"
#include "ota_log.h"

#define BLOCK 256u

int ota_set_module_information(ota_service_t *ctx, char *module_name, char *store_path, int module_type)
{
    if (ctx == NULL || ctx->store == NULL || module_name == NULL || store_path == NULL || module_type == 0) {
        return OTA_CUSTOM_CALLBAK_FAIL;
    }
    for (int i = 0; i < ctx->store_len; i++) {
        ota_store_module_info_t *info = &ctx->store[i];

        if (info->module_type == 0) { /* nobody has this one yet */
            if (strlen(module_name) >= sizeof(info->module_name) || strlen(store_path) >= sizeof(info->store_path)) {
                return OTA_CUSTOM_CALLBAK_FAIL;
            }
            strcpy(info->module_name, module_name);
            strcpy(info->store_path, store_path);
            info->module_type = module_type;
            return OTA_SUCCESS;
        }
    }
    OTA_LOG_E("there is no room for module %s", module_name);
    return OTA_CUSTOM_CALLBAK_FAIL;
}

int ota_get_module_information(ota_service_t *ctx, char *module_name, ota_store_module_info_t *module_info)
{
    const ota_store_module_info_t *info;

    if (ctx == NULL || module_name == NULL || module_info == NULL) {
        return OTA_CUSTOM_CALLBAK_FAIL;
    }
    info = ota_store_of(ctx, module_name);
    if (info == NULL) {
        return OTA_CUSTOM_CALLBAK_FAIL;
    }
    *module_info = *info;
    return OTA_SUCCESS;
}

static int is_same(const char *path, void *context)
{
    char target[FILESTORE_PATH];

    return filestore_resolve(context, target) == 0 && strcmp(target, path) == 0;
}

/* Keep the OTA partition's first bytes as a file, in one step. */
static int keep(char *path, uint32_t length)
{
    uint8_t block[BLOCK];
    uint32_t offset = 0;

    if (filestore_begin(is_same, path) != 0 || filestore_add(path, length) != 0) {
        return OTA_UPGRADE_WRITE_FAIL;
    }
    while (offset < length) {
        uint32_t size = length - offset < BLOCK ? length - offset : BLOCK;

        if (ota_read(&offset, block, size) < 0 || filestore_write(block, size) != 0) {
            return OTA_UPGRADE_WRITE_FAIL;
        }
    }
    return filestore_commit() == 0 ? OTA_SUCCESS : OTA_UPGRADE_WRITE_FAIL;
}

int ota_download_to_fs_service(void *ota_ctx, char *file_path)
{
    ota_service_t *ctx = ota_ctx;
    ota_boot_param_t param;
    uint32_t length;
    int ret;

    if (ctx == NULL || file_path == NULL) {
        return OTA_INVALID_PARAMETER;
    }
    ret = ota_read_parameter(&param);
    if (ret == OTA_SUCCESS) {
        ret = ota_file_length(param.url, param.len, &length);
    }
    if (ret == OTA_SUCCESS) {
        ret = ota_download_file(&param, length, ota_partition_size(), ctx->report_func.report_status_cb,
                                ctx->report_func.param);
    }
    if (ret == OTA_SUCCESS) {
        ret = ota_verify_file(&param, length);
        OTA_LOG_I("verify: %d", ret);
    }
    if (ret == OTA_SUCCESS) {
        ret = keep(file_path, length);
    }
    if (ret < 0 && ctx->report_func.report_status_cb != NULL) {
        ctx->report_func.report_status_cb(ctx->report_func.param, ret);
    }
    return ret;
}
