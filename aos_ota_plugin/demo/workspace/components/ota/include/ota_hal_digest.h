/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTA_HAL_DIGEST_H
#define OTA_HAL_DIGEST_H

#include "mbedtls/md5.h"
#include "mbedtls/sha256.h"

typedef mbedtls_sha256_context ota_sha256_context;
typedef mbedtls_md5_context ota_md5_context;

/* One of the two, chosen when it is started. */
typedef struct {
    unsigned char hash_method;
    union {
        ota_sha256_context sha256_ctx;
        ota_md5_context md5_ctx;
    };
} ota_hash_ctx_t;

void ota_sha256_init(ota_sha256_context *ctx);
void ota_sha256_starts(ota_sha256_context *ctx, int is224);
void ota_sha256_update(ota_sha256_context *ctx, const unsigned char *input, unsigned int ilen);
void ota_sha256_finish(ota_sha256_context *ctx, unsigned char output[32]);
void ota_sha256_free(ota_sha256_context *ctx);

void ota_md5_init(ota_md5_context *ctx);
void ota_md5_starts(ota_md5_context *ctx);
void ota_md5_update(ota_md5_context *ctx, const unsigned char *input, unsigned int ilen);
void ota_md5_finish(ota_md5_context *ctx, unsigned char output[16]);
void ota_md5_free(ota_md5_context *ctx);

int ota_hash_init(ota_hash_ctx_t *ctx, unsigned char type);
int ota_hash_update(ota_hash_ctx_t *ctx, const unsigned char *buf, unsigned int len);
int ota_hash_final(ota_hash_ctx_t *ctx, unsigned char *digest);

/* The public key in this firmware: modulus and exponent, big-endian. */
const unsigned char *ota_rsa_pubkey_n(void);
const unsigned char *ota_rsa_pubkey_e(void);
unsigned int ota_rsa_pubkey_n_size(void);
unsigned int ota_rsa_pubkey_e_size(void);

/* 0 when sig is the signature of the SHA-256 digest dig. */
int ota_rsa_pubkey_verify(const unsigned char *pubkey_n, const unsigned char *pubkey_e,
                          unsigned int pubkey_n_size, unsigned int pubkey_e_size,
                          const unsigned char *dig, unsigned int dig_size,
                          const unsigned char *sig, unsigned int sig_size);

#endif
