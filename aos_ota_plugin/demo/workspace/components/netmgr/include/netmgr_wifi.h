/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETMGR_WIFI_H
#define NETMGR_WIFI_H

#include "netmgr.h"

/* The demo has no radio: any name and password connect to the loopback. 0 on success. */
int netmgr_wifi_connect(const char *ssid, const char *password);

#endif
