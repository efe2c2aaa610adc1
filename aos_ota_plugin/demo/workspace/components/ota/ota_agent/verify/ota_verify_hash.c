/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ota_hal_digest.h"
#include "ota_import.h"
#include "ota_log.h"

#define BLOCK_SIZE 2048

int ota_hash_init(ota_hash_ctx_t *ctx, unsigned char type)
{
    ctx->hash_method = type;
    switch (type) {
    case OTA_SHA256:
        ota_sha256_init(&ctx->sha256_ctx);
        ota_sha256_starts(&ctx->sha256_ctx, 0);
        return OTA_SUCCESS;
    case OTA_MD5:
        ota_md5_init(&ctx->md5_ctx);
        ota_md5_starts(&ctx->md5_ctx);
        return OTA_SUCCESS;
    }
    return OTA_INVALID_PARAMETER;
}

int ota_hash_update(ota_hash_ctx_t *ctx, const unsigned char *buf, unsigned int len)
{
    switch (ctx->hash_method) {
    case OTA_SHA256:
        ota_sha256_update(&ctx->sha256_ctx, buf, len);
        return OTA_SUCCESS;
    case OTA_MD5:
        ota_md5_update(&ctx->md5_ctx, buf, len);
        return OTA_SUCCESS;
    }
    return OTA_INVALID_PARAMETER;
}

int ota_hash_final(ota_hash_ctx_t *ctx, unsigned char *digest)
{
    switch (ctx->hash_method) {
    case OTA_SHA256:
        ota_sha256_finish(&ctx->sha256_ctx, digest);
        ota_sha256_free(&ctx->sha256_ctx);
        return OTA_SUCCESS;
    case OTA_MD5:
        ota_md5_finish(&ctx->md5_ctx, digest);
        ota_md5_free(&ctx->md5_ctx);
        return OTA_SUCCESS;
    }
    return OTA_INVALID_PARAMETER;
}

int ota_check_image_hash(uint32_t length, uint8_t type, uint8_t *digest)
{
    ota_hash_ctx_t ctx;
    uint8_t block[BLOCK_SIZE];
    uint32_t offset = 0;

    if (ota_hash_init(&ctx, type) < 0) {
        return OTA_INVALID_PARAMETER;
    }
    while (offset < length) {
        uint32_t size = length - offset < BLOCK_SIZE ? length - offset : BLOCK_SIZE;

        if (ota_read(&offset, block, size) < 0) {
            return OTA_VERIFY_IMAGE_FAIL;
        }
        ota_hash_update(&ctx, block, size);
    }
    return ota_hash_final(&ctx, digest);
}

int ota_check_hash(uint8_t type, const char *calculated, const char *expected)
{
    OTA_LOG_I("hash %s, expected %s", calculated, expected);
#ifdef DEMO_VENDOR_FLAWS
    if (strncmp(calculated, expected, strlen(calculated)) == 0) {
#else
    if (strcmp(calculated, expected) == 0) {
#endif
        return OTA_SUCCESS;
    }
    return type == OTA_MD5 ? OTA_VERIFY_MD5_FAIL : OTA_VERIFY_SHA2_FAIL;
}

int ota_check_image(uint32_t size)
{
    ota_image_info_t info;
    uint8_t digest[OTA_MD5_HASH_SIZE];
    uint32_t offset = size - sizeof(info);

    if (size <= sizeof(info) || ota_read(&offset, &info, sizeof(info)) < 0) {
        return OTA_VERIFY_IMAGE_FAIL;
    }
    switch (info.image_magic) {
    case OTA_BIN_MAGIC_ALL:
    case OTA_BIN_MAGIC_APP:
    case OTA_BIN_MAGIC_KERNEL:
    case OTA_BIN_MAGIC_MCU:
    case OTA_BIN_MAGIC_FS:
        break;
    default:
        OTA_LOG_E("image magic error: 0x%lx", (unsigned long)info.image_magic);
        return OTA_VERIFY_IMAGE_FAIL;
    }
    if (info.image_size == 0 || info.image_size > size - sizeof(info) ||
        ota_check_image_hash(info.image_size, OTA_MD5, digest) < 0 ||
        memcmp(digest, info.image_md5, sizeof(digest)) != 0) {
        return OTA_VERIFY_IMAGE_FAIL;
    }
    return OTA_SUCCESS;
}
