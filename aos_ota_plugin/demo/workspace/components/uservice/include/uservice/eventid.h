/* SPDX-License-Identifier: Apache-2.0 */
#ifndef USERVICE_EVENTID_H
#define USERVICE_EVENTID_H

/* The network has an address. */
#define EVENT_NETMGR_DHCP_SUCCESS 0x100002

#endif
