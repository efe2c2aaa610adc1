/* SPDX-License-Identifier: Apache-2.0 */
/* UART1, Arm's CMSDK APB UART, at its secure address. */
#include "hal/uart.h"

#include "hal/cpu.h"

#define UART_DATA    (*(volatile uint32_t *)0x50201000u)
#define UART_STATE   (*(volatile uint32_t *)0x50201004u)
#define UART_CONTROL (*(volatile uint32_t *)0x50201008u)
#define UART_BAUDDIV (*(volatile uint32_t *)0x50201010u)
#define UART_FULL    1u
#define UART_CAME    2u
#define CLOCK_HZ     20000000u
#define BAUD         115200u
#define PUT_MS       1000

void hal_uart_on(void)
{
    UART_BAUDDIV = CLOCK_HZ / BAUD;
    UART_CONTROL = 3; /* transmit and receive */
}

int hal_uart_put(uint8_t byte)
{
    for (int waited = 0; (UART_STATE & UART_FULL) != 0; waited++) {
        if (waited == PUT_MS) {
            return -1;
        }
        hal_cpu_wait_ms();
    }
    UART_DATA = byte;
    return 0;
}

int hal_uart_get(void)
{
    return (UART_STATE & UART_CAME) != 0 ? (int)(UART_DATA & 0xFFu) : -1;
}
