/* SPDX-License-Identifier: Apache-2.0 */
/* What is downloaded is read in parts: first the trailer, which says what to expect, then the whole file. */
#include <string.h>

#include "hal/net.h"
#include "ota_import.h"
#include "ota_log.h"

#define BLOCK_SIZE      2048
#define DIFF_BLOCK_SIZE 0x40000 /* the boot stage rebuilds a diff's sections at the end of the partition */

int ota_check_file_length(const char *url, uint32_t size)
{
    int32_t length = hal_net_file_length(url);

    if (length < 0) {
        OTA_LOG_E("no file at %s", url);
        return OTA_DOWNLOAD_CON_FAIL;
    }
    /* Or the trailer would be read from the wrong place, and what is there might not fit it. */
    if ((uint32_t)length != size) {
        OTA_LOG_E("the file has %ld bytes, the push says %lu", (long)length, (unsigned long)size);
        return OTA_DOWNLOAD_HEAD_FAIL;
    }
    return OTA_SUCCESS;
}

uint32_t ota_trailer_size(void)
{
#ifdef OTA_CONFIG_LOCAL_RSA
    return sizeof(ota_sign_info_t) + sizeof(ota_image_info_t);
#else
    return sizeof(ota_image_info_t);
#endif
}

int ota_download_image_header(ota_service_t *ctx, const char *url, uint32_t size)
{
    uint32_t trailer = ota_trailer_size();
    uint32_t offset;
    int ret = ota_check_file_length(url, size);

    if (ret < 0) {
        return ret;
    }
    if (size < 2 * trailer) {
        OTA_LOG_E("%lu bytes are no image", (unsigned long)size);
        return OTA_DOWNLOAD_RECV_FAIL;
    }
    offset = size - trailer;
#ifdef OTA_CONFIG_LOCAL_RSA
    if (hal_net_file_read(url, offset, &ctx->header.sign_info, sizeof(ctx->header.sign_info)) != 0) {
        return OTA_DOWNLOAD_RECV_FAIL;
    }
    offset += sizeof(ctx->header.sign_info);
#endif
    if (hal_net_file_read(url, offset, &ctx->header.image_info, sizeof(ctx->header.image_info)) != 0) {
        return OTA_DOWNLOAD_RECV_FAIL;
    }
    OTA_LOG_I("magic 0x%lx, size %lu, crc16 0x%x", (unsigned long)ctx->header.image_info.image_magic,
              (unsigned long)ctx->header.image_info.image_size, ctx->header.image_info.image_crc16);
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

int ota_download_file(const ota_boot_param_t *param, uint32_t room, report_func report, void *report_param)
{
    uint8_t block[BLOCK_SIZE];
    uint32_t offset = 0;
    uint32_t tenths = 0;

    if (param->len > room || ota_erase(param->len) < 0) {
        OTA_LOG_E("%lu bytes do not fit the OTA partition", (unsigned long)param->len);
        return OTA_UPGRADE_WRITE_FAIL;
    }
    while (offset < param->len) {
        uint32_t size = param->len - offset < BLOCK_SIZE ? param->len - offset : BLOCK_SIZE;
        uint32_t done;

        if (hal_net_file_read(param->url, offset, block, size) != 0) {
            return OTA_DOWNLOAD_RECV_FAIL;
        }
        if (ota_write(&offset, block, size) < 0) {
            return OTA_UPGRADE_WRITE_FAIL;
        }
        done = (uint32_t)(10ull * offset / param->len);
        if (report != NULL && done > tenths) {
            tenths = done;
            report(report_param, (int)(10 * tenths));
        }
    }
    return OTA_SUCCESS;
}

int ota_download_start(ota_boot_param_t *param, report_func report, void *report_param)
{
    uint8_t head[8];
    uint32_t room = ota_partition_size();

    if (param->url[0] == '\0' || param->len < sizeof(head)) {
        return OTA_DOWNLOAD_INIT_FAIL;
    }
    if (hal_net_file_read(param->url, 0, head, sizeof(head)) != 0) {
        return OTA_DOWNLOAD_RECV_FAIL;
    }
    param->upg_flag = ota_parse_ota_type(head, sizeof(head));
    OTA_LOG_I("upg_flag 0x%x, %lu bytes", param->upg_flag, (unsigned long)param->len);
    if (param->upg_flag == OTA_UPGRADE_DIFF) {
        room -= DIFF_BLOCK_SIZE;
    }
    return ota_download_file(param, room, report, report_param);
}
