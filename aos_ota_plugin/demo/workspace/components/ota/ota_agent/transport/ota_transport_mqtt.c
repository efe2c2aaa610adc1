/* SPDX-License-Identifier: Apache-2.0 */
/* The messages between the device and the platform. */
#include <stdio.h>
#include <string.h>

#include "aiot_mqtt_api.h"
#include "cJSON.h"
#include "ota_import.h"
#include "ota_log.h"

int ota_sevice_parse_msg(ota_service_t *ctx, const char *json)
{
    ota_boot_param_t param = { 0 };
    cJSON *root;
    int ret;

    if (ctx == NULL) {
        return OTA_TRANSPORT_PAR_FAIL;
    }
    root = cJSON_Parse(json);
    ret = ota_take_push(ctx, root, &param);
    cJSON_Delete(root);
    if (ret == OTA_SUCCESS) {
        ret = ota_update_parameter(&param);
    }
    if (ret == OTA_SUCCESS && ctx->ota_triggered_func.triggered_ota_cb != NULL) {
        ret = ctx->ota_triggered_func.triggered_ota_cb(ctx, param.ver, ctx->module_name,
                                                       ctx->ota_triggered_func.param);
    }
    if (ret < 0) {
        OTA_LOG_E("the push is refused: %d %s", ret, ota_code_name(ret));
        ota_report_refusal(ctx, ret);
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

/* The NUL behind the message is sent, too: the vendor's device does so. */
static int publish(ota_service_t *ctx, const char *name, char *message)
{
    char topic[OTA_MSG_LEN];

    if (topic_of(topic, name, ctx) != 0 ||
        aiot_mqtt_pub(ctx->mqtt_client, topic, (uint8_t *)message, (uint32_t)strlen(message) + 1, 1) < 0) {
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
    int ret;

    if (ctx == NULL || module_name == NULL || version == NULL) {
        return OTA_INVALID_PARAMETER;
    }
    ret = ota_inform_message(message, module_name, version);
    return ret == OTA_SUCCESS ? publish(ctx, "inform", message) : ret;
}

int ota_report_module_version(void *ota_ctx, char *module_name, char *version)
{
    return ota_transport_inform((ota_service_t *)ota_ctx, module_name, version);
}

int ota_transport_status(void *param, int status)
{
    char message[OTA_MSG_LEN];
    ota_service_t *ctx = param;
    int ret;

    if (ctx == NULL) {
        return OTA_TRANSPORT_INT_FAIL;
    }
    ret = ota_progress_message(message, ctx->module_name, status);
    return ret == OTA_SUCCESS ? publish(ctx, "progress", message) : ret;
}

void ota_report_refusal(ota_service_t *ctx, int code)
{
    if (code != OTA_DEVICE_FAULT && ctx->report_func.report_status_cb != NULL) {
        ctx->report_func.report_status_cb(ctx->report_func.param, code);
    }
}
