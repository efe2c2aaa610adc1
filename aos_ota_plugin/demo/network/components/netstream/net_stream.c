/* SPDX-License-Identifier: Apache-2.0 */
#include "net_stream.h"

#include <stdlib.h>

#include "net_tcp.h"
#include "net_tls.h"

struct net_stream {
    net_tcp_t *tcp;
    net_tls_t *tls; /* NULL: in the clear */
};

net_stream_t *net_open(const char *host, uint16_t port, int secure, net_result_t *result)
{
    net_stream_t *stream = calloc(1, sizeof(*stream));

    *result = NET_UNREACHABLE;
    if (stream == NULL) {
        return NULL;
    }
    stream->tcp = net_tcp_open(host, port);
    if (stream->tcp != NULL) {
        *result = NET_OK;
        if (secure) {
            stream->tls = net_tls_open(stream->tcp, host, result);
        }
        if (*result == NET_OK) {
            return stream;
        }
        net_tcp_close(stream->tcp);
    }
    free(stream);
    return NULL;
}

int net_write(net_stream_t *stream, const void *data, size_t length)
{
    return stream->tls != NULL ? net_tls_write(stream->tls, data, length) : net_tcp_write(stream->tcp, data, length);
}

int net_read(net_stream_t *stream, void *buffer, size_t size, uint32_t timeout_ms)
{
    return stream->tls != NULL ? net_tls_read(stream->tls, buffer, size, timeout_ms)
                               : net_tcp_read(stream->tcp, buffer, size, timeout_ms);
}

void net_close(net_stream_t *stream)
{
    if (stream->tls != NULL) {
        net_tls_close(stream->tls);
    }
    net_tcp_close(stream->tcp);
    free(stream);
}
