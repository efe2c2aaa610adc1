/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LWIP_NETIF_H
#define LWIP_NETIF_H

/* Bring the loopback up and return its address. */
const char *netif_loopback_up(void);

#endif
