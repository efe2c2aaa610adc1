/* SPDX-License-Identifier: Apache-2.0 */
#include "lwip/netif.h"

const char *netif_loopback_up(void)
{
    return "127.0.0.1";
}
