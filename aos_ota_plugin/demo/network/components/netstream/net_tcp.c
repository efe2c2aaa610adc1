/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP's callbacks, as calls that wait. */
#include "net_tcp.h"

#include <stdlib.h>
#include <string.h>

#include "ethernetif.h"
#include "hal/clock.h"
#include "lwip/tcp.h"

#define PART_MAX 4096u /* of one write; lwIP keeps a copy */

struct net_tcp {
    struct tcp_pcb *pcb; /* NULL once lwIP has given it up */
    struct pbuf *received;
    u16_t taken; /* of the first buffer received */
    int connected;
    int ended;
};

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    net_tcp_t *tcp = arg;

    (void)pcb;
    tcp->connected = err == ERR_OK;
    return ERR_OK;
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *data, err_t err)
{
    net_tcp_t *tcp = arg;

    (void)pcb;
    (void)err;
    if (data == NULL) {
        tcp->ended = 1;
    } else if (tcp->received == NULL) {
        tcp->received = data;
    } else {
        pbuf_cat(tcp->received, data);
    }
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    net_tcp_t *tcp = arg;

    (void)err;
    tcp->pcb = NULL;
    tcp->ended = 1;
}

static int address_of(const char *host, ip_addr_t *address)
{
    if (!ipaddr_aton(host, address)) {
        ip_addr_set_ip4_u32(address, ethernetif_router());
    }
    /* The emulator's network ends at its router, whatever a message says. */
    return ip_2_ip4(address)->addr == ethernetif_router() ? 0 : -1;
}

net_tcp_t *net_tcp_open(const char *host, uint16_t port)
{
    net_tcp_t *tcp = calloc(1, sizeof(*tcp));
    uint32_t start = hal_clock_ms();
    ip_addr_t address;

    if (tcp == NULL || address_of(host, &address) != 0 || (tcp->pcb = tcp_new()) == NULL) {
        free(tcp);
        return NULL;
    }
    tcp_arg(tcp->pcb, tcp);
    tcp_recv(tcp->pcb, on_received);
    tcp_err(tcp->pcb, on_error);
    tcp_nagle_disable(tcp->pcb);
    if (tcp_connect(tcp->pcb, &address, port, on_connected) != ERR_OK) {
        tcp->ended = 1;
    }
    while (!tcp->connected && !tcp->ended && hal_clock_ms() - start < NET_TIMEOUT_MS) {
        ethernetif_poll();
    }
    if (!tcp->connected || tcp->ended) {
        net_tcp_close(tcp);
        return NULL;
    }
    return tcp;
}

int net_tcp_write(net_tcp_t *tcp, const void *data, size_t length)
{
    uint32_t start = hal_clock_ms();
    const uint8_t *next = data;

    while (length > 0) {
        size_t part = length < PART_MAX ? length : PART_MAX;

        if (tcp->pcb == NULL || hal_clock_ms() - start > NET_TIMEOUT_MS) {
            return -1;
        }
        if (part > tcp_sndbuf(tcp->pcb)) {
            part = tcp_sndbuf(tcp->pcb);
        }
        if (part > 0 && tcp_write(tcp->pcb, next, (u16_t)part, TCP_WRITE_FLAG_COPY) == ERR_OK) {
            next += part;
            length -= part;
            tcp_output(tcp->pcb);
        } else {
            ethernetif_poll();
        }
    }
    return 0;
}

static int take(net_tcp_t *tcp, void *buffer, size_t size)
{
    u16_t got = pbuf_copy_partial(tcp->received, buffer, (u16_t)(size < UINT16_MAX ? size : UINT16_MAX), tcp->taken);

    tcp->taken = (u16_t)(tcp->taken + got);
    while (tcp->received != NULL && tcp->taken >= tcp->received->len) {
        struct pbuf *first = tcp->received;

        tcp->taken = (u16_t)(tcp->taken - first->len);
        tcp->received = first->next;
        if (first->next != NULL) {
            pbuf_ref(first->next);
        }
        pbuf_free(first);
    }
    if (tcp->pcb != NULL) {
        tcp_recved(tcp->pcb, got);
    }
    return got;
}

int net_tcp_read(net_tcp_t *tcp, void *buffer, size_t size, uint32_t timeout_ms)
{
    uint32_t start = hal_clock_ms();

    for (;;) {
        ethernetif_poll();
        if (tcp->received != NULL) {
            return take(tcp, buffer, size);
        }
        if (tcp->ended) {
            return -1;
        }
        if (hal_clock_ms() - start >= timeout_ms) {
            return 0;
        }
    }
}

void net_tcp_close(net_tcp_t *tcp)
{
    if (tcp->pcb != NULL) {
        tcp_arg(tcp->pcb, NULL);
        tcp_recv(tcp->pcb, NULL);
        tcp_err(tcp->pcb, NULL);
        if (tcp->received != NULL || tcp_close(tcp->pcb) != ERR_OK) {
            tcp_abort(tcp->pcb);
        }
    }
    if (tcp->received != NULL) {
        pbuf_free(tcp->received);
    }
    free(tcp);
    ethernetif_poll();
}
