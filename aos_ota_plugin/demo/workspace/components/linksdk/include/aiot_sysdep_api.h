/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AIOT_SYSDEP_API_H
#define AIOT_SYSDEP_API_H

#include <stdint.h>

typedef enum {
    AIOT_SYSDEP_NETWORK_CRED_NONE,
    AIOT_SYSDEP_NETWORK_CRED_SVRCERT_CA,
} aiot_sysdep_network_cred_option_t;

typedef struct {
    aiot_sysdep_network_cred_option_t option;
    uint32_t max_tls_fragment;
    uint8_t sni_enabled;
    const char *x509_server_cert;
    uint32_t x509_server_cert_len;
} aiot_sysdep_network_cred_t;

/* What the client needs of the system under it. */
typedef struct {
    int32_t (*core_sysdep_network_establish)(const char *host, uint16_t port,
                                             const aiot_sysdep_network_cred_t *cred);
    int32_t (*core_sysdep_network_send)(const void *data, uint32_t length);
    int32_t (*core_sysdep_network_recv)(void *buffer, uint32_t length);
} aiot_sysdep_portfile_t;

void aiot_sysdep_set_portfile(aiot_sysdep_portfile_t *portfile);

#endif
