/* SPDX-License-Identifier: Apache-2.0 */
#include "ethernetif.h"

#include <string.h>

#include "aos/kernel.h"
#include "hal/clock.h"
#include "hal/ethernet.h"
#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/timeouts.h"
#include "netif/ethernet.h"

static struct netif interface;

uint32_t sys_now(void)
{
    return hal_clock_ms();
}

/* Numbers that differ from start to start: ports and sequence numbers, no secrets. */
uint32_t ethernetif_random(void)
{
    static uint32_t state;

    if (state == 0) {
        unsigned char seed[64];

        if (hal_seed_read(seed, sizeof(seed)) > 0) {
            for (size_t i = 0; i < sizeof(seed); i++) {
                state = (state ^ seed[i]) * 16777619u;
            }
        }
        state = (state ^ hal_clock_date()) | 1u;
    }
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static err_t send_frame(struct netif *netif, struct pbuf *frame)
{
    static uint32_t words[(HAL_ETHERNET_FRAME_MAX + 3) / 4];

    (void)netif;
    if (frame->tot_len > HAL_ETHERNET_FRAME_MAX) {
        return ERR_BUF;
    }
    pbuf_copy_partial(frame, words, frame->tot_len, 0);
    return hal_ethernet_send(words, frame->tot_len) == 0 ? ERR_OK : ERR_MEM;
}

static err_t switch_on(struct netif *netif)
{
    if (hal_ethernet_on(netif->hwaddr) != 0) {
        return ERR_IF;
    }
    netif->name[0] = 'e';
    netif->name[1] = 'n';
    netif->hwaddr_len = ETH_HWADDR_LEN;
    netif->mtu = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    netif->linkoutput = send_frame;
    return ERR_OK;
}

const char *ethernetif_up(uint32_t timeout_ms)
{
    uint32_t start = hal_clock_ms();

    if (dhcp_supplied_address(&interface)) {
        return ip4addr_ntoa(netif_ip4_addr(&interface));
    }
    lwip_init();
    if (netif_add(&interface, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4, NULL, switch_on, ethernet_input) == NULL) {
        return NULL;
    }
    netif_set_default(&interface);
    netif_set_up(&interface);
    netif_set_link_up(&interface);
    if (dhcp_start(&interface) != ERR_OK) {
        return NULL;
    }
    while (!dhcp_supplied_address(&interface)) {
        if (hal_clock_ms() - start > timeout_ms) {
            return NULL;
        }
        ethernetif_poll();
    }
    return ip4addr_ntoa(netif_ip4_addr(&interface));
}

void ethernetif_poll(void)
{
    static uint32_t words[(HAL_ETHERNET_FRAME_MAX + 3) / 4];
    uint32_t length;
    int idle = 1;

    while ((length = hal_ethernet_receive(words)) > 0) {
        struct pbuf *frame = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_POOL);

        idle = 0;
        if (frame == NULL) {
            break; /* it comes again: who sent it hears nothing */
        }
        pbuf_take(frame, words, (u16_t)length);
        if (interface.input(frame, &interface) != ERR_OK) {
            pbuf_free(frame);
        }
    }
    sys_check_timeouts();
    if (idle) {
        aos_msleep(1); /* and whatever else runs on the device gets its turn */
    }
}

uint32_t ethernetif_router(void)
{
    return netif_ip4_gw(&interface)->addr;
}
