/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MBEDTLS_RSA_H
#define MBEDTLS_RSA_H

#include <stddef.h>

#include "mbedtls/bignum.h"
#include "mbedtls/md.h"

#define MBEDTLS_ERR_RSA_BAD_INPUT_DATA   (-0x4080)
#define MBEDTLS_ERR_RSA_INVALID_PADDING  (-0x4100)
#define MBEDTLS_ERR_RSA_KEY_CHECK_FAILED (-0x4200)
#define MBEDTLS_ERR_RSA_PUBLIC_FAILED    (-0x4280)
#define MBEDTLS_ERR_RSA_VERIFY_FAILED    (-0x4380)

#define MBEDTLS_RSA_PUBLIC  0
#define MBEDTLS_RSA_PRIVATE 1

#define MBEDTLS_RSA_PKCS_V15 0
#define MBEDTLS_RSA_PKCS_V21 1

typedef struct mbedtls_rsa_context {
    size_t len; /* of N, in bytes */
    mbedtls_mpi N;
    mbedtls_mpi E;
    int padding;
    int hash_id;
} mbedtls_rsa_context;

void mbedtls_rsa_init(mbedtls_rsa_context *ctx, int padding, int hash_id);
void mbedtls_rsa_free(mbedtls_rsa_context *ctx);

/* 0 when N and E can be a public key of len bytes. */
int mbedtls_rsa_check_pubkey(const mbedtls_rsa_context *ctx);

/*
 * 0 when sig, of len bytes, is the RSASSA-PKCS1-v1_5 signature of hash. Only MBEDTLS_RSA_PUBLIC and
 * MBEDTLS_MD_SHA256; hashlen may be 0, since SHA-256 says how long it is. f_rng is not used and may be NULL.
 */
int mbedtls_rsa_pkcs1_verify(mbedtls_rsa_context *ctx,
                             int (*f_rng)(void *, unsigned char *, size_t), void *p_rng, int mode,
                             mbedtls_md_type_t md_alg, unsigned int hashlen,
                             const unsigned char *hash, const unsigned char *sig);

#endif
