/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A push as the vendor's device reads it, in its order: prefixes are enough, what is too long is cut. Where that device reads
 * a text that is none, it crashes; here that is a device fault.
 */
#include <string.h>

#include "cJSON.h"
#include "ota_hal_os.h"
#include "ota_import.h"
#include "ota_log.h"

#ifdef DEMO_VENDOR_FLAWS

static int begins_with(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

/* 0 with the text, or with NULL when there is none; else OTA_DEVICE_FAULT. */
static int text_of(const cJSON *object, const char *name, const char **text)
{
    const cJSON *item = cJSON_GetObjectItem(object, name);

    *text = item != NULL ? item->valuestring : NULL;
    if (item != NULL && *text == NULL) {
        OTA_LOG_E("%s is no text", name);
        return ota_device_fault("a text is read where there is none");
    }
    return 0;
}

/* What fits of a text that must be there. 0 or a code. */
static int take_text(char *target, size_t size, const cJSON *object, const char *name)
{
    const char *text;
    int ret = text_of(object, name, &text);

    if (ret == 0 && text == NULL) {
        ret = OTA_TRANSPORT_PAR_FAIL;
    }
    if (ret == 0) {
        strncpy(target, text, size - 1);
        target[size - 1] = '\0';
    }
    return ret;
}

/* Without signMethod the hash stands in "md5", and "sign" is not looked at. */
static int take_hash(const cJSON *data, ota_boot_param_t *param)
{
    char capitals[sizeof("SHA256")] = "";
    const char *method;
    int ret = text_of(data, "signMethod", &method);

    if (ret < 0) {
        return ret;
    }
    param->hash_type = OTA_MD5;
    if (method != NULL) {
        strncpy(capitals, method, sizeof(capitals) - 1);
        ota_to_capital(capitals);
        if (begins_with(capitals, "SHA256")) {
            param->hash_type = OTA_SHA256;
        } else if (!begins_with(capitals, "MD5")) {
            return OTA_TRANSPORT_PAR_FAIL;
        }
    }
    ret = take_text(param->hash, sizeof(param->hash), data, method != NULL ? "sign" : "md5");
    ota_to_capital(param->hash);
    return ret == 0 && param->hash[0] == '\0' ? OTA_TRANSPORT_PAR_FAIL : ret;
}

static int take_data(ota_service_t *ctx, const cJSON *data, ota_boot_param_t *param)
{
    unsigned int length = sizeof(param->sign);
    const cJSON *size;
    const char *text;
    int ret = take_text(param->url, sizeof(param->url), data, "url");

    if (ret == 0) {
        ret = text_of(data, "module", &text);
    }
    if (ret == 0) {
        strncpy(ctx->module_name, text != NULL ? text : "default", sizeof(ctx->module_name) - 1);
        ret = take_text(param->ver, sizeof(param->ver), data, "version");
    }
    if (ret == 0) {
        ret = take_hash(data, param);
    }
    if (ret < 0) {
        return ret;
    }
    size = cJSON_GetObjectItem(data, "size");
    if (size == NULL) {
        return OTA_TRANSPORT_PAR_FAIL;
    }
    param->len = (uint32_t)size->valueint;
    ret = text_of(data, "digestsign", &text);
    if (ret == 0 && text != NULL && ota_base64_decode(text, (unsigned char *)param->sign, &length) != 0) {
        ret = OTA_TRANSPORT_PAR_FAIL;
    }
    return ret;
}

int ota_take_push(ota_service_t *ctx, const cJSON *root, ota_boot_param_t *param)
{
    const cJSON *data = cJSON_GetObjectItem(root, "data");
    const char *message;
    int ret = text_of(root, "message", &message);

    if (ret < 0) {
        return ret;
    }
    if (message == NULL || !begins_with(message, "success") || data == NULL) {
        return OTA_TRANSPORT_PAR_FAIL;
    }
    return take_data(ctx, data, param);
}

#endif
