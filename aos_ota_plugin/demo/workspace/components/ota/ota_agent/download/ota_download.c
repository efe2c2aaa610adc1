/* SPDX-License-Identifier: Apache-2.0 */
/* The demo has no network: the image is expected in the OTA partition, where a download would have put it. */
#include <string.h>

#include "ota_import.h"
#include "ota_log.h"

int ota_download_start(const char *url, report_func report, void *param)
{
    if (url == NULL || url[0] == '\0') {
        return OTA_DOWNLOAD_INIT_FAIL;
    }
    OTA_LOG_I("the image of %s is in the OTA partition", url);
    if (report != NULL) {
        report(param, 100);
    }
    return OTA_SUCCESS;
}

int ota_download_image_header(ota_service_t *ctx, uint32_t size)
{
    uint32_t trailer = sizeof(ota_image_info_t);
    uint32_t offset;

#ifdef OTA_CONFIG_LOCAL_RSA
    trailer += sizeof(ota_sign_info_t);
#endif
    /* Smaller than two trailers is no image at all. */
    if (size < 2 * trailer) {
        return OTA_DOWNLOAD_HEAD_FAIL;
    }
    offset = size - trailer;
#ifdef OTA_CONFIG_LOCAL_RSA
    if (ota_read(&offset, &ctx->header.sign_info, sizeof(ctx->header.sign_info)) < 0) {
        return OTA_DOWNLOAD_HEAD_FAIL;
    }
#endif
    if (ota_read(&offset, &ctx->header.image_info, sizeof(ctx->header.image_info)) < 0) {
        return OTA_DOWNLOAD_HEAD_FAIL;
    }
    return OTA_SUCCESS;
}

uint16_t ota_parse_ota_type(const uint8_t *head, uint32_t length)
{
    static const uint8_t xz[6] = { 0xfd, '7', 'z', 'X', 'Z', 0x00 };

    if (length >= 8 && memcmp(head, "BSDIFF40", 8) == 0) {
        return OTA_UPGRADE_DIFF;
    }
    if (length >= sizeof(xz) && memcmp(head, xz, sizeof(xz)) == 0) {
        return OTA_UPGRADE_XZ;
    }
    return OTA_UPGRADE_ALL;
}
