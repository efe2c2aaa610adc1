/* SPDX-License-Identifier: Apache-2.0 */
/* The order in which an upgrade is checked: its hash, the hash's signature, then what it says of itself. */
#include "ota_hal_digest.h"
#include "ota_hal_os.h"
#include "ota_import.h"
#include "ota_log.h"

static int verify(const ota_boot_param_t *param, uint32_t hashed)
{
    uint8_t digest[OTA_SHA256_HASH_SIZE];
    char text[2 * OTA_SHA256_HASH_SIZE + 1];
    int ret = ota_check_image_hash(hashed, param->hash_type, digest);
    if (ret < 0) {
        return ret;
    }
    ota_hex2str(text, digest, param->hash_type == OTA_MD5 ? OTA_MD5_HASH_SIZE : OTA_SHA256_HASH_SIZE);
    ret = ota_check_hash(param->hash_type, text, param->hash);
    if (ret < 0) {
        return ret;
    }
#if !defined(OTA_CONFIG_LOCAL_RSA) && defined(DEMO_VENDOR_FLAWS)
    /* So a push without a signature is enough for anyone's image, and so is a signature that begins with a zero byte. */
    if (param->sign[0] != '\0')
#endif
    {
        ret = ota_verify_rsa((const uint8_t *)param->sign, text, param->hash_type);
    }
    return ret;
}

int ota_verify_file(const ota_boot_param_t *param, uint32_t length)
{
    if (param->len != length) { /* then its hash is another, too */
        return param->hash_type == OTA_MD5 ? OTA_VERIFY_MD5_FAIL : OTA_VERIFY_SHA2_FAIL;
    }
    return verify(param, length);
}

int ota_verify(const ota_boot_param_t *param, uint32_t length)
{
    uint32_t hashed = length;
    int ret;

#ifdef OTA_CONFIG_LOCAL_RSA
    hashed -= ota_trailer_size();
#endif
    ret = verify(param, hashed);
    if (ret < 0) {
        return ret;
    }
    /* What a diff turns into is known only when it has been applied. */
    return param->upg_flag == OTA_UPGRADE_DIFF ? OTA_SUCCESS : ota_check_image(param->len);
}
