/* SPDX-License-Identifier: Apache-2.0 */
#include "netmgr.h"

#include <stddef.h>
#include <string.h>

#include "aos/cli.h"
#include "ethernetif.h"
#include "netmgr_wifi.h"
#include "ulog/ulog.h"
#include "uservice/eventid.h"
#include "uservice/uservice.h"

#define LEASE_TIMEOUT_MS 30000

static int network_up(void)
{
    const char *address = ethernetif_up(LEASE_TIMEOUT_MS);

    if (address == NULL) {
        LOGE("netmgr", "no address within %d s", LEASE_TIMEOUT_MS / 1000);
        return -1;
    }
    LOGI("netmgr", "address %s", address);
    return event_publish(EVENT_NETMGR_DHCP_SUCCESS, address);
}

int netmgr_wifi_connect(const char *ssid, const char *password)
{
    if (ssid == NULL || password == NULL) {
        return -1;
    }
    return network_up();
}

/* netmgr -t wifi -c ssid password */
static int netmgr_command(int argc, char *argv[])
{
    if (argc != 6 || strcmp(argv[1], "-t") != 0 || strcmp(argv[2], "wifi") != 0 || strcmp(argv[3], "-c") != 0) {
        LOGE("netmgr", "usage: netmgr -t wifi -c ssid password");
        return -1;
    }
    return netmgr_wifi_connect(argv[4], argv[5]);
}

static const struct cli_command command = { "netmgr", "connect to a network", netmgr_command };

int netmgr_service_init(void *service)
{
    (void)service;
    if (aos_cli_register_command(&command) < 0) {
        return -1;
    }
    return network_up();
}
