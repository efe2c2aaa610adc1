/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MBEDTLS_MD5_H
#define MBEDTLS_MD5_H

#include <stddef.h>
#include <stdint.h>

typedef struct mbedtls_md5_context {
    uint64_t total; /* bytes so far */
    uint32_t state[4];
    unsigned char buffer[64];
} mbedtls_md5_context;

void mbedtls_md5_init(mbedtls_md5_context *ctx);
void mbedtls_md5_free(mbedtls_md5_context *ctx);

int mbedtls_md5_starts_ret(mbedtls_md5_context *ctx);
int mbedtls_md5_update_ret(mbedtls_md5_context *ctx, const unsigned char *input, size_t ilen);
int mbedtls_md5_finish_ret(mbedtls_md5_context *ctx, unsigned char output[16]);

/* The older names, without a result. */
void mbedtls_md5_starts(mbedtls_md5_context *ctx);
void mbedtls_md5_update(mbedtls_md5_context *ctx, const unsigned char *input, size_t ilen);
void mbedtls_md5_finish(mbedtls_md5_context *ctx, unsigned char output[16]);

#endif
