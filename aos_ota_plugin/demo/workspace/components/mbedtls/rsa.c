/* SPDX-License-Identifier: Apache-2.0 */
#include "mbedtls/rsa.h"

#include <string.h>

#define MAX_BYTES    (4 * MBEDTLS_MPI_MAX_LIMBS)
#define SHA256_BYTES 32

/* The DER of DigestInfo for SHA-256, up to the digest itself. RFC 8017, section 9.2. */
static const unsigned char DIGEST_INFO[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                             0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

void mbedtls_rsa_init(mbedtls_rsa_context *ctx, int padding, int hash_id)
{
    memset(ctx, 0, sizeof(*ctx));
    ctx->padding = padding;
    ctx->hash_id = hash_id;
}

void mbedtls_rsa_free(mbedtls_rsa_context *ctx)
{
    if (ctx != NULL) {
        memset(ctx, 0, sizeof(*ctx));
    }
}

int mbedtls_rsa_check_pubkey(const mbedtls_rsa_context *ctx)
{
    if (ctx->len != mbedtls_mpi_size(&ctx->N) || ctx->len > MAX_BYTES || mbedtls_mpi_bitlen(&ctx->N) < 128 ||
        (ctx->N.p[0] & 1) == 0 || mbedtls_mpi_bitlen(&ctx->E) < 2 || (ctx->E.p[0] & 1) == 0 ||
        mbedtls_mpi_cmp_mpi(&ctx->E, &ctx->N) >= 0) {
        return MBEDTLS_ERR_RSA_KEY_CHECK_FAILED;
    }
    return 0;
}

int mbedtls_rsa_pkcs1_verify(mbedtls_rsa_context *ctx,
                             int (*f_rng)(void *, unsigned char *, size_t), void *p_rng, int mode,
                             mbedtls_md_type_t md_alg, unsigned int hashlen,
                             const unsigned char *hash, const unsigned char *sig)
{
    unsigned char expected[MAX_BYTES], found[MAX_BYTES];
    size_t tail = sizeof(DIGEST_INFO) + SHA256_BYTES;
    mbedtls_mpi number;

    (void)f_rng;
    (void)p_rng;
    if (mode != MBEDTLS_RSA_PUBLIC || ctx->padding != MBEDTLS_RSA_PKCS_V15 || md_alg != MBEDTLS_MD_SHA256 ||
        (hashlen != 0 && hashlen != SHA256_BYTES) || ctx->len > MAX_BYTES || ctx->len < tail + 11) {
        return MBEDTLS_ERR_RSA_BAD_INPUT_DATA;
    }
    if (mbedtls_mpi_read_binary(&number, sig, ctx->len) != 0 ||
        mbedtls_mpi_exp_mod(&number, &number, &ctx->E, &ctx->N, NULL) != 0 ||
        mbedtls_mpi_write_binary(&number, found, ctx->len) != 0) {
        return MBEDTLS_ERR_RSA_PUBLIC_FAILED;
    }
    /* 00 01 ff … ff 00 DigestInfo hash: built and compared as a whole, so nothing in it is left unchecked. */
    memset(expected, 0xff, ctx->len);
    expected[0] = 0x00;
    expected[1] = 0x01;
    expected[ctx->len - tail - 1] = 0x00;
    memcpy(expected + ctx->len - tail, DIGEST_INFO, sizeof(DIGEST_INFO));
    memcpy(expected + ctx->len - SHA256_BYTES, hash, SHA256_BYTES);
    return memcmp(expected, found, ctx->len) == 0 ? 0 : MBEDTLS_ERR_RSA_VERIFY_FAILED;
}
