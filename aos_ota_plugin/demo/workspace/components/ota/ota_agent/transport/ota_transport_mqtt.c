/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between the device and the platform. */
#include <stdio.h>
#include <string.h>

#include "aiot_mqtt_api.h"
#include "cJSON.h"
#include "ota_hal_os.h"
#include "ota_import.h"
#include "ota_log.h"

static const char *text_of(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(object, name);

    return item != NULL && item->type == cJSON_String ? item->valuestring : NULL;
}

/* 0 when text is there and fits. */
static int take_text(char *target, size_t size, const char *text)
{
    if (text == NULL || strlen(text) >= size) {
        return -1;
    }
    memcpy(target, text, strlen(text) + 1);
    return 0;
}

static int take_hash(const cJSON *data, ota_boot_param_t *param)
{
    char method[8] = "MD5";
    const char *named = text_of(data, "signMethod");
    size_t digits;

    if (named != NULL && take_text(method, sizeof(method), named) != 0) {
        return -1;
    }
    ota_to_capital(method);
    if (strcmp(method, "MD5") == 0) {
        param->hash_type = OTA_MD5;
        digits = 2 * OTA_MD5_HASH_SIZE;
    } else if (strcmp(method, "SHA256") == 0) {
        param->hash_type = OTA_SHA256;
        digits = 2 * OTA_SHA256_HASH_SIZE;
    } else {
        return -1;
    }
    /* Before signMethod there was, the hash stood in "md5". */
    if (take_text(param->hash, sizeof(param->hash), text_of(data, named != NULL ? "sign" : "md5")) != 0) {
        return -1;
    }
    ota_to_capital(param->hash);
    return strlen(param->hash) == digits ? 0 : -1;
}

static int take_push(ota_service_t *ctx, const cJSON *root, ota_boot_param_t *param)
{
    const char *message = text_of(root, "message");
    const cJSON *data = cJSON_GetObjectItem(root, "data");
    const cJSON *size = cJSON_GetObjectItem(data, "size");
    const char *module = text_of(data, "module");
    const char *signature = text_of(data, "digestsign");
    unsigned int length = sizeof(param->sign);

    if (message == NULL || strcmp(message, "success") != 0 || size == NULL || size->valueint <= 0 ||
        take_text(param->url, sizeof(param->url), text_of(data, "url")) != 0 ||
        take_text(param->ver, sizeof(param->ver), text_of(data, "version")) != 0 ||
        take_text(ctx->module_name, sizeof(ctx->module_name), module != NULL ? module : "default") != 0 ||
        take_hash(data, param) != 0 ||
        (signature != NULL && ota_base64_decode(signature, (unsigned char *)param->sign, &length) != 0)) {
        return OTA_TRANSPORT_PAR_FAIL;
    }
    param->len = (uint32_t)size->valueint;
    return OTA_SUCCESS;
}

int ota_sevice_parse_msg(ota_service_t *ctx, const char *json)
{
    ota_boot_param_t param = { 0 };
    cJSON *root;
    int ret;

    if (ctx == NULL) {
        return OTA_TRANSPORT_PAR_FAIL;
    }
    root = cJSON_Parse(json);
    ret = root != NULL ? take_push(ctx, root, &param) : OTA_TRANSPORT_PAR_FAIL;
    cJSON_Delete(root);
    if (ret == OTA_SUCCESS) {
        ret = ota_update_parameter(&param);
    }
    if (ret == OTA_SUCCESS && ctx->ota_triggered_func.triggered_ota_cb != NULL) {
        ret = ctx->ota_triggered_func.triggered_ota_cb(ctx, param.ver, ctx->module_name,
                                                       ctx->ota_triggered_func.param);
    }
    if (ret < 0) {
        OTA_LOG_E("the push is refused: %d", ret);
        if (ctx->report_func.report_status_cb != NULL) {
            ctx->report_func.report_status_cb(ctx->report_func.param, ret);
        }
    }
    return ret;
}

static void on_push(void *handle, const aiot_mqtt_recv_t *packet, void *userdata)
{
    (void)handle;
    if (packet->type == AIOT_MQTTRECV_PUB) {
        ota_sevice_parse_msg(userdata, (const char *)packet->data.pub.payload);
    }
}

/* 0 when the topic of that name is complete. */
static int topic_of(char topic[OTA_MSG_LEN], const char *name, const ota_service_t *ctx)
{
    int length = snprintf(topic, OTA_MSG_LEN, "/ota/device/%s/%s/%s", name, ctx->pk, ctx->dn);

    return length > 0 && length < OTA_MSG_LEN ? 0 : -1;
}

static int publish(ota_service_t *ctx, const char *name, char *message)
{
    char topic[OTA_MSG_LEN];

    if (topic_of(topic, name, ctx) != 0 ||
        aiot_mqtt_pub(ctx->mqtt_client, topic, (uint8_t *)message, (uint32_t)strlen(message), 1) < 0) {
        return OTA_TRANSPORT_INT_FAIL;
    }
    return OTA_SUCCESS;
}

int ota_transport_upgrade(ota_service_t *ctx)
{
    char topic[OTA_MSG_LEN];

    if (ctx == NULL || topic_of(topic, "upgrade", ctx) != 0 ||
        aiot_mqtt_sub(ctx->mqtt_client, topic, on_push, 1, ctx) < 0) {
        return OTA_TRANSPORT_INT_FAIL;
    }
    return OTA_SUCCESS;
}

int ota_transport_inform(ota_service_t *ctx, const char *module_name, const char *version)
{
    char message[OTA_MSG_LEN];
    int length;

    if (ctx == NULL || module_name == NULL || version == NULL) {
        return OTA_INVALID_PARAMETER;
    }
    if (strcmp(module_name, "default") == 0) {
        length = snprintf(message, sizeof(message), "{\"id\":0,\"params\":{\"version\":\"%s\"}}", version);
    } else {
        length = snprintf(message, sizeof(message),
                          "{\"id\":0,\"params\":{\"version\":\"%s\",\"module\":\"%s\"}}", version, module_name);
    }
    if (length < 0 || length >= (int)sizeof(message)) {
        return OTA_TRANSPORT_INT_FAIL;
    }
    return publish(ctx, "inform", message);
}

int ota_report_module_version(void *ota_ctx, char *module_name, char *version)
{
    return ota_transport_inform((ota_service_t *)ota_ctx, module_name, version);
}

int ota_transport_status(void *param, int status)
{
    char message[OTA_MSG_LEN];
    int step = status;

    if (param == NULL) {
        return OTA_TRANSPORT_INT_FAIL;
    }
    if (status <= OTA_UPGRADE_WRITE_FAIL) {
        step = OTA_REPORT_BURN_ERR;
    } else if (status <= OTA_VERIFY_MD5_FAIL) {
        step = OTA_REPORT_VERIFY_ERR;
    } else if (status <= OTA_DOWNLOAD_INIT_FAIL) {
        step = OTA_REPORT_DOWNLOAD_ERR;
    } else if (status < 0) {
        step = OTA_REPORT_UPGRADE_ERR;
    }
    snprintf(message, sizeof(message),
             "{\"id\":0,\"params\":{\"step\":\"%d\",\"desc\":\"status %d\"}}", step, status);
    return publish(param, "progress", message);
}
