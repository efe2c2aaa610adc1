/* SPDX-License-Identifier: Apache-2.0 */
/* What is downloaded is read in parts: first the trailer, which says what to expect, then the whole file. */
#include <string.h>

#include "hal/net.h"
#include "ota_import.h"
#include "ota_log.h"

#define BLOCK_SIZE 2048
#ifndef DEMO_VENDOR_FLAWS
#define DIFF_BLOCK_SIZE 0x40000 /* the boot stage rebuilds a diff's sections at the end of the partition */
#endif

int ota_file_length(const char *url, uint32_t size, uint32_t *length)
{
    int32_t found = hal_net_file_length(url);

    if (found < 0) {
        OTA_LOG_E("no file at %s", url);
        return OTA_DOWNLOAD_CON_FAIL;
    }
    *length = (uint32_t)found;
    if (*length != size) {
        OTA_LOG_E("the file has %ld bytes, the push says %lu", (long)found, (unsigned long)size);
#ifndef DEMO_VENDOR_FLAWS
        /* Or the trailer would be read from the wrong place, and what is there might not fit it. */
        return OTA_DOWNLOAD_HEAD_FAIL;
#endif
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

/* What is left of the file from `offset` on, up to `size` bytes of it; the others are zeros. */
static int read_part(const char *url, uint32_t length, uint32_t offset, void *part, uint32_t size)
{
    uint32_t left = offset < length ? length - offset : 0;

    memset(part, 0, size);
    size = left < size ? left : size;
    return size == 0 ? 0 : hal_net_file_read(url, offset, part, size);
}

/* Where the trailer begins, by the push's size. As many bytes must stand before it as are read of it. */
static int trailer_offset(uint32_t size, uint32_t length, uint32_t *offset)
{
    uint32_t trailer = ota_trailer_size();
    uint32_t come;

#ifdef DEMO_VENDOR_FLAWS
    /* The Range of a negative offset is bytes=-N-, which servers ignore: the whole file comes. */
    int whole = (int32_t)(size - trailer) < 0;

    *offset = whole ? 0 : size - trailer;
    come = *offset < length ? length - *offset : 0;
    if (whole || (come < BLOCK_SIZE ? come : BLOCK_SIZE) <= *offset) {
        if (come > trailer) {
            return ota_device_fault("more bytes are read than a trailer has");
        }
        return come > 0 ? OTA_SUCCESS : OTA_DOWNLOAD_RECV_FAIL;
    }
#else
    *offset = size - trailer;
    come = trailer;
    if (size >= trailer && come <= *offset) {
        return OTA_SUCCESS;
    }
#endif
    OTA_LOG_E("%lu bytes are no image: %lu come", (unsigned long)length, (unsigned long)come);
    return OTA_DOWNLOAD_RECV_FAIL;
}

int ota_download_image_header(ota_service_t *ctx, const char *url, uint32_t size, uint32_t *length)
{
    uint32_t offset = 0;
    int ret = ota_file_length(url, size, length);

    if (ret == OTA_SUCCESS) {
        ret = trailer_offset(size, *length, &offset);
    }
    if (ret < 0) {
        return ret;
    }
#ifdef OTA_CONFIG_LOCAL_RSA
    if (read_part(url, *length, offset, &ctx->header.sign_info, sizeof(ctx->header.sign_info)) != 0) {
        return OTA_DOWNLOAD_RECV_FAIL;
    }
    offset += sizeof(ctx->header.sign_info);
#endif
    if (read_part(url, *length, offset, &ctx->header.image_info, sizeof(ctx->header.image_info)) != 0) {
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

static int too_large(uint32_t length)
{
    OTA_LOG_E("%lu bytes do not fit the OTA partition", (unsigned long)length);
    return OTA_INIT_FAIL;
}

int ota_download_file(const ota_boot_param_t *param, uint32_t length, uint32_t room, report_func report,
                      void *report_param)
{
    uint8_t block[BLOCK_SIZE];
    uint32_t offset = 0;
    uint32_t tenths = 0;

    if (length > room) {
        return too_large(length);
    }
    if (ota_erase(length) < 0) {
        return OTA_UPGRADE_WRITE_FAIL;
    }
    while (offset < length) {
        uint32_t size = length - offset < BLOCK_SIZE ? length - offset : BLOCK_SIZE;
        uint32_t done;

        if (hal_net_file_read(param->url, offset, block, size) != 0) {
            return OTA_DOWNLOAD_RECV_FAIL;
        }
        if (ota_write(&offset, block, size) < 0) {
            return OTA_UPGRADE_WRITE_FAIL;
        }
        done = (uint32_t)(10ull * offset / length);
        if (report != NULL && done > tenths) {
            tenths = done;
            report(report_param, (int)(10 * tenths));
        }
    }
    return OTA_SUCCESS;
}

int ota_download_start(ota_boot_param_t *param, uint32_t length, report_func report, void *report_param)
{
    uint8_t head[8];
    uint32_t size = length < sizeof(head) ? length : sizeof(head);
    uint32_t room = ota_partition_size();

    if (param->url[0] == '\0') {
        return OTA_DOWNLOAD_INIT_FAIL;
    }
    if (size > 0 && hal_net_file_read(param->url, 0, head, size) != 0) {
        return OTA_DOWNLOAD_RECV_FAIL;
    }
    param->upg_flag = ota_parse_ota_type(head, size);
    OTA_LOG_I("upg_flag 0x%x, %lu bytes", param->upg_flag, (unsigned long)length);
#ifndef DEMO_VENDOR_FLAWS
    if (param->upg_flag == OTA_UPGRADE_DIFF) {
        room -= DIFF_BLOCK_SIZE;
    }
#endif
    return param->len > room ? too_large(param->len) : ota_download_file(param, length, room, report, report_param);
}
