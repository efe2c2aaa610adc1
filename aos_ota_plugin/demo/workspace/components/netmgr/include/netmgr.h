/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETMGR_H
#define NETMGR_H

/*
 * Register the command netmgr. A device that knows a Wi-Fi network (KV: wifi_ssid, wifi_password) connects at once, any
 * other when it is told to. EVENT_NETMGR_DHCP_SUCCESS is published once there is an address. 0 on success.
 */
int netmgr_service_init(void *service);

#endif
