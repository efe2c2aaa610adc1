/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETMGR_WIFI_H
#define NETMGR_WIFI_H

#include "netmgr.h"

/*
 * The demo has no radio: any name of up to 32 bytes and password of up to 63 connect to the loopback. 0 on success, -1 when
 * they are none, or there is no address.
 */
int netmgr_wifi_connect(const char *ssid, const char *password);

#endif
