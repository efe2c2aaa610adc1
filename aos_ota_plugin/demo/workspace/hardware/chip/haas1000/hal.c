/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "hal/boot.h"
#include "hal/cpu.h"
#include "hal/flash.h"
#include "hal/net.h"
#include "hal/uart.h"

#define FLASH_BASE 0x34000000u

static const struct {
    uint32_t start, size;
} PARTITIONS[HAL_PARTITION_COUNT] = {
    [HAL_PARTITION_OTA] = { 0x5BA000, 0x578000 },
    [HAL_PARTITION_KV] = { 0xFF1000, 0xD000 },
    [HAL_PARTITION_FS] = { 0xB32000, 0x4AE000 },
};

int hal_flash_read(hal_partition_t partition, uint32_t offset, void *buffer, uint32_t length)
{
    if (partition >= HAL_PARTITION_COUNT || offset > PARTITIONS[partition].size ||
        length > PARTITIONS[partition].size - offset) {
        return -1;
    }
    /* Flash is mapped, so reading it is copying it. */
    memcpy(buffer, (const void *)(uintptr_t)(FLASH_BASE + PARTITIONS[partition].start + offset), length);
    return 0;
}

uint32_t hal_flash_size(hal_partition_t partition)
{
    return partition < HAL_PARTITION_COUNT ? PARTITIONS[partition].size : 0;
}

/* Writing flash, the boot loader, the network and the second UART are the vendor's business: here they say that they are not there. */
int hal_flash_write(hal_partition_t partition, uint32_t offset, const void *data, uint32_t length)
{
    (void)partition;
    (void)offset;
    (void)data;
    (void)length;
    return -1;
}

int hal_flash_erase(hal_partition_t partition, uint32_t offset, uint32_t length)
{
    (void)partition;
    (void)offset;
    (void)length;
    return -1;
}

int hal_boot_upgrade(uint16_t upg_flag, uint32_t length, const char *version)
{
    (void)upg_flag;
    (void)length;
    (void)version;
    return -1;
}

int hal_boot_confirm(void)
{
    return -1;
}

int hal_net_connect(void)
{
    return -1;
}

int hal_net_send(const void *packet, uint32_t length)
{
    (void)packet;
    (void)length;
    return -1;
}

int hal_net_receive(void *packet, uint32_t size)
{
    (void)packet;
    (void)size;
    return -1;
}

int32_t hal_net_file_length(const char *url)
{
    (void)url;
    return -1;
}

int hal_net_file_read(const char *url, uint32_t offset, void *buffer, uint32_t length)
{
    (void)url;
    (void)offset;
    (void)buffer;
    (void)length;
    return -1;
}

void hal_uart_on(void)
{
}

int hal_uart_put(uint8_t byte)
{
    (void)byte;
    return -1;
}

int hal_uart_get(void)
{
    return -1;
}

/* The trace port of every ARMv8-M core (ARM DDI 0553, ITM). */
#define ITM_PORT0   (*(volatile uint32_t *)0xE0000000u)
#define ITM_ENABLED (*(volatile uint32_t *)0xE0000E00u)
#define ITM_CONTROL (*(volatile uint32_t *)0xE0000E80u)

void hal_console_on(void)
{
    ITM_CONTROL |= 1u;
    ITM_ENABLED |= 1u;
}

void hal_console_put(char letter)
{
    if ((ITM_CONTROL & 1u) != 0 && (ITM_ENABLED & 1u) != 0) {
        while (ITM_PORT0 == 0) {
        }
        *(volatile uint8_t *)&ITM_PORT0 = (uint8_t)letter;
    }
}

/* The trace port goes one way. */
int hal_console_get(void)
{
    return -1;
}

/* Application interrupt and reset control (ARM DDI 0553). */
#define AIRCR       (*(volatile uint32_t *)0xE000ED0Cu)
#define AIRCR_RESET 0x05FA0004u

void hal_cpu_reset(void)
{
    __asm volatile("dsb" ::: "memory");
    AIRCR = AIRCR_RESET;
    for (;;) {
    }
}

void hal_cpu_wait_ms(void)
{
    /* Three cycles a round or so, at 100 MHz. */
    for (volatile uint32_t rounds = 33000; rounds > 0; rounds--) {
    }
}
