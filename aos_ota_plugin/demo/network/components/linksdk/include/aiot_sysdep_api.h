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

/* What the client needs of the system under it: one connection, of bytes. */
typedef struct {
    int32_t (*core_sysdep_network_establish)(const char *host, uint16_t port,
                                             const aiot_sysdep_network_cred_t *cred);
    int32_t (*core_sysdep_network_send)(const void *data, uint32_t length);
    /* Bytes received, 0 when none came in time; negative when the connection has ended. */
    int32_t (*core_sysdep_network_recv)(void *buffer, uint32_t length, uint32_t timeout_ms);
    void (*core_sysdep_network_close)(void);
    uint32_t (*core_sysdep_time)(void); /* milliseconds */
    uint32_t (*core_sysdep_date)(void); /* seconds since 1970 */
} aiot_sysdep_portfile_t;

void aiot_sysdep_set_portfile(aiot_sysdep_portfile_t *portfile);

#endif
