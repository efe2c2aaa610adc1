/* SPDX-License-Identifier: Apache-2.0 */
/* The client's packets go to the chip's network, which on the haas1000 says that there is none. */
#include "aiot_state_api.h"
#include "aiot_sysdep_api.h"
#include "hal/net.h"

/* The platform's root certificate, in PEM, belongs here on a board with a network. */
const char *ali_ca_cert = "";

static int32_t establish(const char *host, uint16_t port, const aiot_sysdep_network_cred_t *cred)
{
    (void)host;
    (void)port;
    (void)cred;
    return hal_net_connect() == 0 ? STATE_SUCCESS : STATE_SYS_DEPEND_NWK_CLOSED;
}

static int32_t send(const void *data, uint32_t length)
{
    return hal_net_send(data, length) == 0 ? STATE_SUCCESS : STATE_SYS_DEPEND_NWK_CLOSED;
}

static int32_t receive(void *buffer, uint32_t length)
{
    int received = hal_net_receive(buffer, length);

    return received >= 0 ? received : STATE_SYS_DEPEND_NWK_CLOSED;
}

aiot_sysdep_portfile_t g_aiot_sysdep_portfile = { establish, send, receive };
