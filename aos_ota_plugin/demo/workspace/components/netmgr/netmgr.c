/* SPDX-License-Identifier: Apache-2.0 */
#include "netmgr.h"

#include <stddef.h>
#include <string.h>

#include "aos/cli.h"
#include "aos/kv.h"
#include "lwip/netif.h"
#include "netmgr_wifi.h"
#include "ulog/ulog.h"
#include "uservice/eventid.h"
#include "uservice/uservice.h"

#define SSID_MAX     32
#define PASSWORD_MAX 63

/* The link to this network is up. */
static int network_up(const char *ssid)
{
    const char *address = netif_loopback_up();

    if (address == NULL) {
        LOGE("netmgr", "wifi %s: no address", ssid);
        return -1;
    }
    LOGI("netmgr", "wifi %s: link up, address %s", ssid, address);
    return event_publish(EVENT_NETMGR_DHCP_SUCCESS, address);
}

int netmgr_wifi_connect(const char *ssid, const char *password)
{
    if (ssid == NULL || password == NULL || ssid[0] == '\0' || strlen(ssid) > SSID_MAX ||
        strlen(password) > PASSWORD_MAX) {
        LOGE("netmgr", "a network's name has 1 to %d bytes, its password up to %d", SSID_MAX, PASSWORD_MAX);
        return -1;
    }
    return network_up(ssid);
}

/* 0 when the value is there; it ends with a zero byte. */
static int known(const char *key, char *value, int size)
{
    int length = size - 1;

    if (aos_kv_get(key, value, &length) != 0) {
        return -1;
    }
    value[length] = '\0';
    return 0;
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
    char ssid[SSID_MAX + 1], password[PASSWORD_MAX + 1];

    (void)service;
    if (aos_cli_register_command(&command) < 0) {
        return -1;
    }
    return known("wifi_ssid", ssid, sizeof(ssid)) == 0 && known("wifi_password", password, sizeof(password)) == 0
               ? netmgr_wifi_connect(ssid, password)
               : 0;
}
