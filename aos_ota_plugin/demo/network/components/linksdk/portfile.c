/* SPDX-License-Identifier: Apache-2.0 */
/* The client's connection: TCP or TLS. */
#include "aiot_state_api.h"
#include "aiot_sysdep_api.h"
#include "ali_ca_cert.h"
#include "hal/clock.h"
#include "net_stream.h"

/* The root that servers' certificates have to lead to, in PEM: the build was given it. */
const char *ali_ca_cert = ALI_CA_CERT;

static net_stream_t *stream;

static void close_connection(void)
{
    if (stream != NULL) {
        net_close(stream);
        stream = NULL;
    }
}

static int32_t establish(const char *host, uint16_t port, const aiot_sysdep_network_cred_t *cred)
{
    net_result_t result;

    close_connection();
    stream = net_open(host, port, cred->option != AIOT_SYSDEP_NETWORK_CRED_NONE, &result);
    return stream != NULL ? STATE_SUCCESS : STATE_SYS_DEPEND_NWK_CLOSED;
}

static int32_t send(const void *data, uint32_t length)
{
    return stream != NULL && net_write(stream, data, length) == 0 ? STATE_SUCCESS : STATE_SYS_DEPEND_NWK_CLOSED;
}

static int32_t receive(void *buffer, uint32_t length, uint32_t timeout_ms)
{
    int received = stream != NULL ? net_read(stream, buffer, length, timeout_ms) : -1;

    return received >= 0 ? received : STATE_SYS_DEPEND_NWK_CLOSED;
}

aiot_sysdep_portfile_t g_aiot_sysdep_portfile = {
    establish, send, receive, close_connection, hal_clock_ms, hal_clock_date,
};
