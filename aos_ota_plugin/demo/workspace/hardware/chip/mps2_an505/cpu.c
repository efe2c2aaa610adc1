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

/* The core's own (ARM DDI 0553): application interrupt and reset control, interrupt control, and its timer. */
#define AIRCR       (*(volatile uint32_t *)0xE000ED0Cu)
#define AIRCR_RESET 0x05FA0004u
#define ICSR        (*(volatile uint32_t *)0xE000ED04u)
#define PENDSTCLR   (1u << 25)
#define SYST_CSR    (*(volatile uint32_t *)0xE000E010u)
#define SYST_RVR    (*(volatile uint32_t *)0xE000E014u)
#define SYST_CVR    (*(volatile uint32_t *)0xE000E018u)
#define SYST_ON     7u /* counts the core's clock, and says when it is at 0 */
#define CORE_HZ     20000000u

/* Arm's CMSDK APB watchdog on the 32 kHz clock: an NMI at the first 0, reset at the second. */
#define WDOG_LOAD    (*(volatile uint32_t *)0x5002E000u)
#define WDOG_CONTROL (*(volatile uint32_t *)0x5002E008u)
#define WDOG_INTCLR  (*(volatile uint32_t *)0x5002E00Cu)
#define WDOG_LOCK    (*(volatile uint32_t *)0x5002EC00u)
#define WDOG_UNLOCK  0x1ACCE551u
#define WDOG_ON      3u
#define WDOG_HZ      32000u

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
    WDOG_LOCK = WDOG_UNLOCK;
    WDOG_INTCLR = 1; /* counts from the start again */
    WDOG_LOCK = 0;
    /* Masked, the timer wakes the core and no handler is called. */
    __asm volatile("cpsid i" ::: "memory");
    SYST_RVR = CORE_HZ / 1000u - 1u;
    SYST_CVR = 0;
    SYST_CSR = SYST_ON;
    __asm volatile("dsb\n wfi" ::: "memory");
    SYST_CSR = 0;
    ICSR = PENDSTCLR;
    __asm volatile("dsb\n cpsie i" ::: "memory");
}

static void watchdog(uint32_t load, uint32_t control)
{
    WDOG_LOCK = WDOG_UNLOCK;
    WDOG_LOAD = load;
    WDOG_CONTROL = control;
    WDOG_LOCK = 0;
}

void hal_watchdog_start(unsigned int seconds)
{
    watchdog(seconds * WDOG_HZ, WDOG_ON);
}

void hal_watchdog_stop(void)
{
    watchdog(0xFFFFFFFFu, 0);
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
