/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include <stddef.h>
#include <stdint.h>

#define NET_TIMEOUT_MS 20000u

typedef struct net_tcp net_tcp_t;

/* NULL when nobody answers there. */
net_tcp_t *net_tcp_open(const char *host, uint16_t port);
int net_tcp_write(net_tcp_t *tcp, const void *data, size_t length);
int net_tcp_read(net_tcp_t *tcp, void *buffer, size_t size, uint32_t timeout_ms);
void net_tcp_close(net_tcp_t *tcp);

#endif
