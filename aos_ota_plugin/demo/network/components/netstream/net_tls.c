/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2, mbedtls' own; the server has to prove who it is. */
#include "net_tls.h"

#include <stdlib.h>
#include <string.h>

#include "hal/clock.h"
#include "mbedtls/ctr_drbg.h"
#include "mbedtls/entropy.h"
#include "mbedtls/platform.h"
#include "mbedtls/ssl.h"
#include "ulog/ulog.h"

/* The root that servers' certificates have to lead to, in PEM. */
extern const char *ali_ca_cert;

struct net_tls {
    mbedtls_ssl_context ssl;
    net_tcp_t *tcp;
    uint32_t timeout_ms;
};

/* What all connections share. */
static struct {
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_x509_crt root;
    mbedtls_ssl_config config;
    int ready;
} shared;

static int prepare(void)
{
    int ret;

    if (shared.ready) {
        return 0;
    }
    mbedtls_platform_set_nv_seed(hal_seed_read, hal_seed_write);
    mbedtls_entropy_init(&shared.entropy);
    mbedtls_ctr_drbg_init(&shared.random);
    mbedtls_x509_crt_init(&shared.root);
    mbedtls_ssl_config_init(&shared.config);
    ret = mbedtls_ctr_drbg_seed(&shared.random, mbedtls_entropy_func, &shared.entropy, NULL, 0);
    if (ret != 0) {
        LOGE("tls", "no random numbers: -0x%04x", (unsigned int)-ret);
    }
    if (ret == 0) {
        ret = mbedtls_x509_crt_parse(&shared.root, (const unsigned char *)ali_ca_cert, strlen(ali_ca_cert) + 1);
        if (ret != 0) {
            LOGE("tls", "the firmware has no root certificate: %d", ret);
        }
    }
    if (ret == 0) {
        ret = mbedtls_ssl_config_defaults(&shared.config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                          MBEDTLS_SSL_PRESET_DEFAULT);
    }
    if (ret != 0) {
        mbedtls_ssl_config_free(&shared.config);
        mbedtls_x509_crt_free(&shared.root);
        mbedtls_ctr_drbg_free(&shared.random);
        mbedtls_entropy_free(&shared.entropy);
        return -1;
    }
    mbedtls_ssl_conf_authmode(&shared.config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&shared.config, &shared.root, NULL);
    mbedtls_ssl_conf_rng(&shared.config, mbedtls_ctr_drbg_random, &shared.random);
    mbedtls_ssl_conf_min_version(&shared.config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
    shared.ready = 1;
    return 0;
}

static int send_bytes(void *ctx, const unsigned char *data, size_t length)
{
    net_tls_t *tls = ctx;

    return net_tcp_write(tls->tcp, data, length) == 0 ? (int)length : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int receive_bytes(void *ctx, unsigned char *buffer, size_t size)
{
    net_tls_t *tls = ctx;
    int got = net_tcp_read(tls->tcp, buffer, size, tls->timeout_ms);

    return got > 0 ? got : got == 0 ? MBEDTLS_ERR_SSL_WANT_READ : MBEDTLS_ERR_SSL_CONN_EOF;
}

static void say_why(const char *host, int ret, uint32_t flags)
{
    char why[256] = "";

    if (flags != 0 && flags != UINT32_MAX) {
        mbedtls_x509_crt_verify_info(why, sizeof(why), "", flags);
        why[strcspn(why, "\n")] = '\0';
    }
    LOGE("tls", "%s is refused: -0x%04x %s", host, (unsigned int)-ret, why);
}

net_tls_t *net_tls_open(net_tcp_t *tcp, const char *host, net_result_t *result)
{
    net_tls_t *tls = prepare() == 0 ? calloc(1, sizeof(*tls)) : NULL;
    int ret;

    *result = NET_UNTRUSTED;
    if (tls == NULL) {
        return NULL;
    }
    tls->tcp = tcp;
    tls->timeout_ms = NET_TIMEOUT_MS;
    mbedtls_ssl_init(&tls->ssl);
    ret = mbedtls_ssl_setup(&tls->ssl, &shared.config);
    if (ret == 0) {
        ret = mbedtls_ssl_set_hostname(&tls->ssl, host);
    }
    if (ret == 0) {
        mbedtls_ssl_set_bio(&tls->ssl, tls, send_bytes, receive_bytes, NULL);
        ret = mbedtls_ssl_handshake(&tls->ssl);
    }
    if (ret != 0) {
        uint32_t flags = mbedtls_ssl_get_verify_result(&tls->ssl);

        /* A line that breaks during the handshake says nothing about the server. */
        if (ret == MBEDTLS_ERR_SSL_CONN_EOF || ret == MBEDTLS_ERR_SSL_WANT_READ) {
            *result = NET_UNREACHABLE;
        }
        say_why(host, ret, ret == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED ? flags : 0);
        net_tls_close(tls);
        return NULL;
    }
    *result = NET_OK;
    return tls;
}

int net_tls_write(net_tls_t *tls, const void *data, size_t length)
{
    const unsigned char *next = data;

    while (length > 0) {
        int ret = mbedtls_ssl_write(&tls->ssl, next, length);

        if (ret <= 0) {
            return -1;
        }
        next += ret;
        length -= (size_t)ret;
    }
    return 0;
}

int net_tls_read(net_tls_t *tls, void *buffer, size_t size, uint32_t timeout_ms)
{
    int ret;

    tls->timeout_ms = timeout_ms;
    ret = mbedtls_ssl_read(&tls->ssl, buffer, size);
    tls->timeout_ms = NET_TIMEOUT_MS;
    return ret > 0 ? ret : ret == MBEDTLS_ERR_SSL_WANT_READ ? 0 : -1;
}

void net_tls_close(net_tls_t *tls)
{
    mbedtls_ssl_close_notify(&tls->ssl);
    mbedtls_ssl_free(&tls->ssl);
    free(tls);
}
