/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETMGR_H
#define NETMGR_H

/* Bring the network up; publishes EVENT_NETMGR_DHCP_SUCCESS once it has an address. 0 on success. */
int netmgr_service_init(void *service);

#endif
