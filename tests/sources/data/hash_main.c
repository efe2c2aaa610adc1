/* hash_main: prints SHA-256, SHA-224 and MD5 of "abc" as the digest layer computes them, in two updates. */
#include <stdio.h>

#include "ota_hal_digest.h"

static void show(const unsigned char *data, int size)
{
    while (size-- > 0) {
        printf("%02x", *data++);
    }
    printf("\n");
}

int main(void)
{
    unsigned char out[32];
    ota_sha256_context sha;
    ota_md5_context md5;
    int is224;

    for (is224 = 0; is224 < 2; is224++) {
        ota_sha256_init(&sha);
        ota_sha256_starts(&sha, is224);
        ota_sha256_update(&sha, (const unsigned char *)"a", 1);
        ota_sha256_update(&sha, (const unsigned char *)"bc", 2);
        ota_sha256_finish(&sha, out);
        ota_sha256_free(&sha);
        show(out, is224 ? 28 : 32);
    }
    ota_md5_init(&md5);
    ota_md5_starts(&md5);
    ota_md5_update(&md5, (const unsigned char *)"a", 1);
    ota_md5_update(&md5, (const unsigned char *)"bc", 2);
    ota_md5_finish(&md5, out);
    ota_md5_free(&md5);
    show(out, 16);
    return 0;
}
