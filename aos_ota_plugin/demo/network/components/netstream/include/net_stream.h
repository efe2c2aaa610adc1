/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stddef.h>
#include <stdint.h>

typedef struct net_stream net_stream_t;

typedef enum {
    NET_OK = 0,
    NET_UNREACHABLE = -1, /* no connection; another try may help */
    NET_UNTRUSTED = -2,   /* the server's certificate was refused */
} net_result_t;

/* Connect to a host, with TLS when `secure`. *result says why there is none when NULL comes back. */
net_stream_t *net_open(const char *host, uint16_t port, int secure, net_result_t *result);

/* All of the bytes: 0, else -1. */
int net_write(net_stream_t *stream, const void *data, size_t length);

/* Up to `size` bytes, as soon as there are any; 0 when none came within `timeout_ms`, -1 when the connection has ended. */
int net_read(net_stream_t *stream, void *buffer, size_t size, uint32_t timeout_ms);

void net_close(net_stream_t *stream);

#endif
