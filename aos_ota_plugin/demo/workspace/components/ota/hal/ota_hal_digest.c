/* SPDX-License-Identifier: Apache-2.0 */
#include "ota_hal_digest.h"

#include <string.h>

#include "mbedtls/bignum.h"
#include "mbedtls/rsa.h"
#include "ota_import.h"
#include "ota_log.h"

/* RSA Public Key: copied here from the platform's console, or put here by the build. */
static const unsigned char ota_pubn_buf[256] = {0x00};

static const unsigned char ota_pube_buf[3] = {0x01, 0x00, 0x01};

void ota_sha256_init(ota_sha256_context *ctx)
{
    mbedtls_sha256_init(ctx);
}

void ota_sha256_starts(ota_sha256_context *ctx, int is224)
{
    mbedtls_sha256_starts(ctx, is224);
}

void ota_sha256_update(ota_sha256_context *ctx, const unsigned char *input, unsigned int ilen)
{
    mbedtls_sha256_update(ctx, input, ilen);
}

void ota_sha256_finish(ota_sha256_context *ctx, unsigned char output[32])
{
    mbedtls_sha256_finish(ctx, output);
}

void ota_sha256_free(ota_sha256_context *ctx)
{
    mbedtls_sha256_free(ctx);
}

void ota_md5_init(ota_md5_context *ctx)
{
    mbedtls_md5_init(ctx);
}

void ota_md5_starts(ota_md5_context *ctx)
{
    mbedtls_md5_starts(ctx);
}

void ota_md5_update(ota_md5_context *ctx, const unsigned char *input, unsigned int ilen)
{
    mbedtls_md5_update(ctx, input, ilen);
}

void ota_md5_finish(ota_md5_context *ctx, unsigned char output[16])
{
    mbedtls_md5_finish(ctx, output);
}

void ota_md5_free(ota_md5_context *ctx)
{
    mbedtls_md5_free(ctx);
}

const unsigned char *ota_rsa_pubkey_n(void)
{
    return ota_pubn_buf;
}

const unsigned char *ota_rsa_pubkey_e(void)
{
    return ota_pube_buf;
}

unsigned int ota_rsa_pubkey_n_size(void)
{
    return sizeof(ota_pubn_buf);
}

unsigned int ota_rsa_pubkey_e_size(void)
{
    return sizeof(ota_pube_buf);
}

int ota_rsa_pubkey_verify(const unsigned char *pubkey_n, const unsigned char *pubkey_e,
                          unsigned int pubkey_n_size, unsigned int pubkey_e_size,
                          const unsigned char *dig, unsigned int dig_size,
                          const unsigned char *sig, unsigned int sig_size)
{
    mbedtls_rsa_context ctx;
    int ret;

    if (pubkey_n == NULL || pubkey_e == NULL || dig == NULL || sig == NULL || pubkey_n_size == 0 ||
        pubkey_e_size == 0 || sig_size != pubkey_n_size || dig_size != OTA_SHA256_HASH_SIZE) {
        return OTA_VERIFY_RSA_FAIL;
    }
    mbedtls_rsa_init(&ctx, MBEDTLS_RSA_PKCS_V15, MBEDTLS_MD_SHA256);
    ret = mbedtls_mpi_read_binary(&ctx.N, pubkey_n, pubkey_n_size);
    if (ret == 0) {
        ret = mbedtls_mpi_read_binary(&ctx.E, pubkey_e, pubkey_e_size);
    }
    if (ret == 0) {
        ctx.len = pubkey_n_size;
        ret = mbedtls_rsa_check_pubkey(&ctx);
    }
    if (ret == 0) {
        ret = mbedtls_rsa_pkcs1_verify(&ctx, NULL, NULL, MBEDTLS_RSA_PUBLIC, MBEDTLS_MD_SHA256, 0, dig, sig);
    }
    mbedtls_rsa_free(&ctx);
    if (ret != 0) {
        OTA_LOG_E("rsa: -0x%04x", (unsigned int)-ret);
        return OTA_VERIFY_RSA_FAIL;
    }
    return OTA_SUCCESS;
}
