/* SPDX-License-Identifier: Apache-2.0 */
/* A board with a network puts its own table here; the demo's says that there is no connection. */
#include "aiot_state_api.h"
#include "aiot_sysdep_api.h"

/* The platform's root certificate, in PEM, belongs here on a board with a network. */
const char *ali_ca_cert = "";

static int32_t establish(const char *host, uint16_t port, const aiot_sysdep_network_cred_t *cred)
{
    (void)host;
    (void)port;
    (void)cred;
    return STATE_SYS_DEPEND_NWK_CLOSED;
}

static int32_t send(const void *data, uint32_t length)
{
    (void)data;
    (void)length;
    return STATE_SYS_DEPEND_NWK_CLOSED;
}

static int32_t receive(void *buffer, uint32_t length)
{
    (void)buffer;
    (void)length;
    return STATE_SYS_DEPEND_NWK_CLOSED;
}

aiot_sysdep_portfile_t g_aiot_sysdep_portfile = { establish, send, receive };
