/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/cpu.h"

#include <stdint.h>
#include <stdio.h>

#include "board_flash.h"
#include "semihost.h"

/* UART0, Arm's CMSDK APB UART, at its secure address. */
#define UART_DATA    (*(volatile uint32_t *)0x50200000u)
#define UART_STATE   (*(volatile uint32_t *)0x50200004u)
#define UART_CONTROL (*(volatile uint32_t *)0x50200008u)
#define UART_BAUDDIV (*(volatile uint32_t *)0x50200010u)

/* Application interrupt and reset control (ARM DDI 0553). */
#define AIRCR       (*(volatile uint32_t *)0xE000ED0Cu)
#define AIRCR_RESET 0x05FA0004u

void hal_console_on(void)
{
    UART_BAUDDIV = 16;
    UART_CONTROL = 3; /* transmit and receive */
}

void hal_console_put(char letter)
{
    while ((UART_STATE & 1u) != 0) {
    }
    UART_DATA = (uint8_t)letter;
}

int hal_console_get(void)
{
    return (UART_STATE & 2u) != 0 ? (int)(UART_DATA & 0xFFu) : -1;
}

void hal_cpu_wait_ms(void)
{
    for (volatile uint32_t rounds = 1000; rounds > 0; rounds--) {
    }
}

void hal_cpu_reset(void)
{
    __asm volatile("dsb" ::: "memory");
    AIRCR = AIRCR_RESET;
    for (;;) {
    }
}

void hal_cpu_off(int status)
{
    if (status == 0) {
        printf("off: %lu flash operations\n", (unsigned long)board_flash_operations());
    }
    semihost_exit(status);
}
