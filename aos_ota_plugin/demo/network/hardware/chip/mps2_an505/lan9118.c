/* SPDX-License-Identifier: Apache-2.0 */
/* SMSC LAN9118, polled. Register names are its data sheet's. */
#include "hal/ethernet.h"

#include <stddef.h>

#define REG(offset) (*(volatile uint32_t *)(0x52000000u + (offset))) /* the secure address */
#define RX_DATA       REG(0x00)
#define TX_DATA       REG(0x20)
#define RX_STATUS     REG(0x40)
#define TX_STATUS     REG(0x48)
#define BYTE_TEST     REG(0x64)
#define RX_CFG        REG(0x6C)
#define TX_CFG        REG(0x70)
#define HW_CFG        REG(0x74)
#define RX_FIFO_INF   REG(0x7C)
#define TX_FIFO_INF   REG(0x80)
#define MAC_CSR_CMD   REG(0xA4)
#define MAC_CSR_DATA  REG(0xA8)

#define BYTE_TEST_VALUE 0x87654321u
#define HW_CFG_RESET    1u
#define TX_CFG_ON       2u
#define MAC_BUSY        0x80000000u
#define MAC_READ        0x40000000u
#define MAC_CR          1u
#define MAC_ADDRH       2u
#define MAC_ADDRL       3u
#define MAC_CR_TX_RX    0x0Cu
#define TX_FIRST_LAST   0x3000u
#define RX_ERROR        0x8000u
#define CHECKSUM        4u
#define ROUNDS          100000u

static int mac_wait(void)
{
    for (uint32_t round = 0; round < ROUNDS; round++) {
        if ((MAC_CSR_CMD & MAC_BUSY) == 0) {
            return 0;
        }
    }
    return -1;
}

static uint32_t mac_read(uint32_t index)
{
    MAC_CSR_CMD = MAC_BUSY | MAC_READ | index;
    return mac_wait() == 0 ? MAC_CSR_DATA : 0;
}

static void mac_write(uint32_t index, uint32_t value)
{
    MAC_CSR_DATA = value;
    MAC_CSR_CMD = MAC_BUSY | index;
    mac_wait();
}

int hal_ethernet_on(uint8_t mac[6])
{
    uint32_t low, high, round = 0;

    if (BYTE_TEST != BYTE_TEST_VALUE) {
        return -1;
    }
    HW_CFG = HW_CFG_RESET;
    while ((HW_CFG & HW_CFG_RESET) != 0) {
        if (++round == ROUNDS) {
            return -1;
        }
    }
    low = mac_read(MAC_ADDRL);
    high = mac_read(MAC_ADDRH);
    for (int i = 0; i < 6; i++) {
        mac[i] = (uint8_t)(i < 4 ? low >> (8 * i) : high >> (8 * (i - 4)));
    }
    RX_CFG = 0;
    TX_CFG = TX_CFG_ON;
    mac_write(MAC_CR, mac_read(MAC_CR) | MAC_CR_TX_RX);
    return 0;
}

int hal_ethernet_send(const uint32_t *words, uint32_t length)
{
    uint32_t count = (length + 3) / 4;

    if (length > HAL_ETHERNET_FRAME_MAX || (TX_FIFO_INF & 0xFFFFu) < 4 * count + 8) {
        return -1;
    }
    TX_DATA = TX_FIRST_LAST | length;
    TX_DATA = length;
    for (uint32_t i = 0; i < count; i++) {
        TX_DATA = words[i];
    }
    while ((TX_FIFO_INF & 0xFF0000u) != 0) {
        (void)TX_STATUS; /* nobody asks, but the FIFO must not fill up */
    }
    return 0;
}

uint32_t hal_ethernet_receive(uint32_t *words)
{
    while ((RX_FIFO_INF & 0xFF0000u) != 0) {
        uint32_t status = RX_STATUS;
        uint32_t length = (status >> 16) & 0x3FFFu;
        int usable = (status & RX_ERROR) == 0 && length > CHECKSUM && length - CHECKSUM <= HAL_ETHERNET_FRAME_MAX;

        for (uint32_t i = 0; i < (length + 3) / 4; i++) {
            uint32_t word = RX_DATA;

            if (usable && 4 * i < length - CHECKSUM) {
                words[i] = word;
            }
        }
        if (usable) {
            return length - CHECKSUM;
        }
    }
    return 0;
}
