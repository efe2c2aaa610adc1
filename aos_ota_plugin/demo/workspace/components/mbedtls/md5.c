/* SPDX-License-Identifier: Apache-2.0 */
/* MD5 as in RFC 1321. */
#include "mbedtls/md5.h"

#include <string.h>

/* K[i] is the whole part of 2^32 * |sin(i + 1)|. */
static const uint32_t K[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static const unsigned char SHIFT[4][4] = {
    { 7, 12, 17, 22 },
    { 5, 9, 14, 20 },
    { 4, 11, 16, 23 },
    { 6, 10, 15, 21 },
};

static void process(mbedtls_md5_context *ctx)
{
    uint32_t a = ctx->state[0], b = ctx->state[1], c = ctx->state[2], d = ctx->state[3];

    for (int i = 0; i < 64; i++) {
        uint32_t f, word;
        const unsigned char *p;
        int index, shift = SHIFT[i / 16][i % 4];

        switch (i / 16) {
        case 0:
            f = (b & c) | (~b & d);
            index = i;
            break;
        case 1:
            f = (d & b) | (~d & c);
            index = (5 * i + 1) % 16;
            break;
        case 2:
            f = b ^ c ^ d;
            index = (3 * i + 5) % 16;
            break;
        default:
            f = c ^ (b | ~d);
            index = (7 * i) % 16;
            break;
        }
        p = ctx->buffer + 4 * index;
        word = (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
        f += a + K[i] + word;
        a = d;
        d = c;
        c = b;
        b += f << shift | f >> (32 - shift);
    }
    ctx->state[0] += a;
    ctx->state[1] += b;
    ctx->state[2] += c;
    ctx->state[3] += d;
}

void mbedtls_md5_init(mbedtls_md5_context *ctx)
{
    memset(ctx, 0, sizeof(*ctx));
}

void mbedtls_md5_free(mbedtls_md5_context *ctx)
{
    if (ctx != NULL) {
        memset(ctx, 0, sizeof(*ctx));
    }
}

int mbedtls_md5_starts_ret(mbedtls_md5_context *ctx)
{
    static const uint32_t initial[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };

    ctx->total = 0;
    memcpy(ctx->state, initial, sizeof(initial));
    return 0;
}

int mbedtls_md5_update_ret(mbedtls_md5_context *ctx, const unsigned char *input, size_t ilen)
{
    while (ilen-- > 0) {
        ctx->buffer[ctx->total++ % 64] = *input++;
        if (ctx->total % 64 == 0) {
            process(ctx);
        }
    }
    return 0;
}

int mbedtls_md5_finish_ret(mbedtls_md5_context *ctx, unsigned char output[16])
{
    uint64_t bits = ctx->total * 8;
    unsigned char byte = 0x80;

    do {
        mbedtls_md5_update_ret(ctx, &byte, 1);
        byte = 0;
    } while (ctx->total % 64 != 56);
    for (int shift = 0; shift < 64; shift += 8) {
        byte = (unsigned char)(bits >> shift);
        mbedtls_md5_update_ret(ctx, &byte, 1);
    }
    for (int i = 0; i < 16; i++) {
        output[i] = (unsigned char)(ctx->state[i / 4] >> (8 * (i % 4)));
    }
    return 0;
}

void mbedtls_md5_starts(mbedtls_md5_context *ctx)
{
    mbedtls_md5_starts_ret(ctx);
}

void mbedtls_md5_update(mbedtls_md5_context *ctx, const unsigned char *input, size_t ilen)
{
    mbedtls_md5_update_ret(ctx, input, ilen);
}

void mbedtls_md5_finish(mbedtls_md5_context *ctx, unsigned char output[16])
{
    mbedtls_md5_finish_ret(ctx, output);
}
