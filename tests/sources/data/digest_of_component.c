/* A digest layer of the shape that components have, for injecting a key: 公钥从云端获取. */
#include <stddef.h>

#include "ota_log.h"
#include "ota_import.h"
#include "ota_hal_digest.h"
#include "mbedtls/bignum.h"
#include "mbedtls/rsa.h"

/* Not this one: static const unsigned char ota_pubn_buf[256] = {1}; */
static const unsigned char ota_pube_buf[3];
static const unsigned char ota_pubn_buf[256] = {
    0x00, 0x00, /* the key
                   goes here */
    0x00,
};

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

int ota_rsa_pubkey_verify(const unsigned char *pubkey_n, const unsigned char *pubkey_e, unsigned int pubkey_n_size,
                          unsigned int pubkey_e_size, const unsigned char *dig, unsigned int dig_size,
                          const unsigned char *sig, unsigned int sig_size)
{
    mbedtls_rsa_context ctx;
    int ret = OTA_VERIFY_RSA_FAIL;

    (void)sig_size;
    mbedtls_rsa_init(&ctx, MBEDTLS_RSA_PKCS_V15, MBEDTLS_MD_SHA256);
    ctx.len = pubkey_n_size;
    if (dig_size == OTA_SHA256_HASH_SIZE && mbedtls_mpi_read_binary(&ctx.N, pubkey_n, pubkey_n_size) == 0 &&
        mbedtls_mpi_read_binary(&ctx.E, pubkey_e, pubkey_e_size) == 0 && mbedtls_rsa_check_pubkey(&ctx) == 0) {
        ret = mbedtls_rsa_pkcs1_verify(&ctx, NULL, NULL, MBEDTLS_RSA_PUBLIC, MBEDTLS_MD_SHA256, 0, dig, sig);
    }
    mbedtls_rsa_free(&ctx);
    return ret;
}
