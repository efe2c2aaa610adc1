/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ota_hal_os.h"
#include "ota_import.h"
#include "ota_log.h"

#ifdef OTA_CONFIG_LOCAL_RSA
/* With local signing the image says what its hash and signature are, and the push is not asked. */
static int take_sign_info(const ota_sign_info_t *info, ota_boot_param_t *param)
{
    if (info->encrypto_magic != OTA_SIGN_MAGIC_RSA) {
        OTA_LOG_E("the image has no signature of ours");
        return OTA_DOWNLOAD_HEAD_FAIL;
    }
    memcpy(param->sign, info->signature, sizeof(param->sign));
    ota_hex2str(param->hash, info->hash, sizeof(info->hash));
    param->hash_type = OTA_SHA256;
    return OTA_SUCCESS;
}
#endif

static int download_and_verify(ota_service_t *ctx, ota_boot_param_t *param)
{
    uint32_t length;
    int ret;

    ret = ota_download_image_header(ctx, param->url, param->len, &length);
    if (ret < 0) {
        return ret;
    }
#ifdef OTA_CONFIG_LOCAL_RSA
    ret = take_sign_info(&ctx->header.sign_info, param);
    if (ret < 0) {
        return ret;
    }
#endif
    ret = ota_download_start(param, length, ctx->report_func.report_status_cb, ctx->report_func.param);
    if (ret < 0) {
        return ret;
    }
    ret = ota_verify(param, length);
    OTA_LOG_I("verify: %d", ret);
    return ret;
}

/* A module's file has no trailer: the push says its hash and its signature, with local signing, too. */
static int module_upgrade(ota_service_t *ctx, const ota_store_module_info_t *info, const ota_boot_param_t *param)
{
    uint32_t length;
    int ret = ota_file_length(param->url, param->len, &length);

    if (ret == OTA_SUCCESS) {
        ret = ota_download_file(param, length, ota_partition_size(), ctx->report_func.report_status_cb,
                                ctx->report_func.param);
    }
    if (ret == OTA_SUCCESS) {
        ret = ota_verify_file(param, length);
        OTA_LOG_I("verify: %d", ret);
    }
    return ret == OTA_SUCCESS ? ota_module_install(ctx, info, param) : ret;
}

static int mcu_upgrade(ota_service_t *ctx, const ota_store_module_info_t *info, ota_boot_param_t *param)
{
    int ret = download_and_verify(ctx, param);

    return ret == OTA_SUCCESS ? ota_mcu_install(ctx, info, param) : ret;
}

static int firmware_upgrade(ota_service_t *ctx, ota_boot_param_t *param)
{
    int ret = download_and_verify(ctx, param);

    if (ret == OTA_SUCCESS) {
        ret = ctx->on_boot != NULL ? ctx->on_boot(param) : ota_hal_boot(param);
    }
    return ret;
}

int ota_service_start(ota_service_t *ctx)
{
    const ota_store_module_info_t *info;
    ota_boot_param_t param;
    int ret;

    if (ctx == NULL) {
        return OTA_DOWNLOAD_INIT_FAIL;
    }
    ret = ota_read_parameter(&param);
    if (ret == OTA_SUCCESS) {
        info = ota_is_firmware(ctx->module_name) ? NULL : ota_store_of(ctx, ctx->module_name);
        ret = info == NULL ? firmware_upgrade(ctx, &param)
              : info->module_type == OTA_MODULE_MCU ? mcu_upgrade(ctx, info, &param) : module_upgrade(ctx, info, &param);
    }
    if (ret < 0) {
        OTA_LOG_E("the upgrade is refused: %d %s", ret, ota_code_name(ret));
        ota_report_refusal(ctx, ret);
        ota_clear();
    }
    return ret;
}

int ota_service_init(ota_service_t *ctx)
{
    int ret;

    if (ctx == NULL) {
        return OTA_INIT_FAIL;
    }
    if (ctx->report_func.report_status_cb == NULL) {
        ota_register_report_percent_cb(ctx, (void *)ota_transport_status, ctx);
    }
    ret = ota_transport_upgrade(ctx);
    if (ret < 0) {
        OTA_LOG_E("no subscription: %d", ret);
    } else if (ota_hal_works() < 0) {
        OTA_LOG_W("the boot loader does not take note that this version works");
    }
    return ret;
}

void ota_service_param_reset(ota_service_t *ctx)
{
    if (ctx != NULL) {
        memset(ctx, 0, sizeof(*ctx));
    }
}

int ota_register_boot_cb(ota_service_t *ctx, void *cb, void *param)
{
    (void)param;
    if (ctx == NULL) {
        return OTA_CUSTOM_CALLBAK_FAIL;
    }
    ctx->on_boot = (int (*)(ota_boot_param_t *))cb;
    return OTA_SUCCESS;
}

int ota_register_trigger_msg_cb(ota_service_t *ctx, void *cb, void *param)
{
    if (ctx == NULL) {
        return OTA_CUSTOM_CALLBAK_FAIL;
    }
    ctx->ota_triggered_func.triggered_ota_cb = (triggered_func)cb;
    ctx->ota_triggered_func.param = param;
    return OTA_SUCCESS;
}

int ota_register_report_percent_cb(ota_service_t *ctx, void *cb, void *param)
{
    if (ctx == NULL) {
        return OTA_CUSTOM_CALLBAK_FAIL;
    }
    ctx->report_func.report_status_cb = (report_func)cb;
    ctx->report_func.param = param;
    return OTA_SUCCESS;
}
