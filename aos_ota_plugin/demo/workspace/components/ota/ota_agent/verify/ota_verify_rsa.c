/* SPDX-License-Identifier: Apache-2.0 */
#include "ota_hal_digest.h"
#include "ota_hal_os.h"
#include "ota_import.h"

int ota_verify_rsa(const uint8_t *signature, const char *hash, uint8_t type)
{
    ota_hash_ctx_t ctx;
    uint8_t bytes[OTA_SHA256_HASH_SIZE];
    uint8_t digest[OTA_SHA256_HASH_SIZE];
    unsigned int length = type == OTA_MD5 ? OTA_MD5_HASH_SIZE : OTA_SHA256_HASH_SIZE;

    if (ota_rsa_pubkey_n_size() != OTA_SIGN_BITNUMB / 8 || ota_rsa_pubkey_e_size() != 3 ||
        ota_str2hex(hash, bytes, length) < 0) {
        return OTA_VERIFY_RSA_FAIL;
    }
    /* What is signed is the hash as a message, so it is hashed once more. */
    ota_hash_init(&ctx, OTA_SHA256);
    ota_hash_update(&ctx, bytes, length);
    ota_hash_final(&ctx, digest);
    return ota_rsa_pubkey_verify(ota_rsa_pubkey_n(), ota_rsa_pubkey_e(),
                                 ota_rsa_pubkey_n_size(), ota_rsa_pubkey_e_size(),
                                 digest, sizeof(digest), signature, OTA_SIGN_BITNUMB / 8);
}
