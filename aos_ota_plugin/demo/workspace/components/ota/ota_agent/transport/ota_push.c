/* SPDX-License-Identifier: Apache-2.0 */
/* What a push has to say, to the letter: nothing is cut, nothing is guessed. ota_push_vendor.c reads it as the vendor's does. */
#include <string.h>

#include "cJSON.h"
#include "ota_hal_os.h"
#include "ota_import.h"

#ifndef DEMO_VENDOR_FLAWS

/* 0 with the text, or with NULL when there is none; -1 when there is something else. */
static int text_of(const cJSON *object, const char *name, const char **text)
{
    const cJSON *item = cJSON_GetObjectItem(object, name);

    *text = item != NULL && item->type == cJSON_String ? item->valuestring : NULL;
    return *text != NULL || item == NULL ? 0 : -1;
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
    const char *named, *hash;
    size_t digits;

    if (text_of(data, "signMethod", &named) != 0 ||
        (named != NULL && take_text(method, sizeof(method), named) != 0)) {
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
    if (text_of(data, named != NULL ? "sign" : "md5", &hash) != 0 ||
        take_text(param->hash, sizeof(param->hash), hash) != 0) {
        return -1;
    }
    ota_to_capital(param->hash);
    return strlen(param->hash) == digits ? 0 : -1;
}

int ota_take_push(ota_service_t *ctx, const cJSON *root, ota_boot_param_t *param)
{
    const cJSON *data = cJSON_GetObjectItem(root, "data");
    const cJSON *size = cJSON_GetObjectItem(data, "size");
    const char *message, *module, *signature, *url, *version;
    unsigned int length = sizeof(param->sign);

    strcpy(ctx->module_name, "default"); /* not that of the push before */
    if (text_of(root, "message", &message) != 0 || message == NULL || strcmp(message, "success") != 0 ||
        text_of(data, "module", &module) != 0 || text_of(data, "digestsign", &signature) != 0 ||
        text_of(data, "url", &url) != 0 || text_of(data, "version", &version) != 0 ||
        size == NULL || size->type != cJSON_Number || size->valueint <= 0 ||
        take_text(param->url, sizeof(param->url), url) != 0 ||
        take_text(param->ver, sizeof(param->ver), version) != 0 ||
        (module != NULL && take_text(ctx->module_name, sizeof(ctx->module_name), module) != 0) ||
        take_hash(data, param) != 0 ||
        (signature != NULL && ota_base64_decode(signature, (unsigned char *)param->sign, &length) != 0)) {
        return OTA_TRANSPORT_PAR_FAIL;
    }
    param->len = (uint32_t)size->valueint;
    return OTA_SUCCESS;
}

#endif
