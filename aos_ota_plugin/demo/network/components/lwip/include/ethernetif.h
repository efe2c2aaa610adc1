/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ETHERNETIF_H
#define ETHERNETIF_H

#include <stdint.h>

/* Switch Ethernet on and ask for an address. The address as text, or NULL when none came within `timeout_ms`. */
const char *ethernetif_up(uint32_t timeout_ms);

/* Take what has arrived, and do what is due; sleeps a millisecond when nothing has. */
void ethernetif_poll(void);

/* The address that names stand for: the router's, in the order of the network. */
uint32_t ethernetif_router(void);

#endif
