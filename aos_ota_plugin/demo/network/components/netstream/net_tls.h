/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net_stream.h"
#include "net_tcp.h"

typedef struct net_tls net_tls_t;

/* Shake hands over `tcp`, which stays the caller's; NULL and *result when the server is not the one that was asked for. */
net_tls_t *net_tls_open(net_tcp_t *tcp, const char *host, net_result_t *result);
int net_tls_write(net_tls_t *tls, const void *data, size_t length);
int net_tls_read(net_tls_t *tls, void *buffer, size_t size, uint32_t timeout_ms);
void net_tls_close(net_tls_t *tls);

#endif
