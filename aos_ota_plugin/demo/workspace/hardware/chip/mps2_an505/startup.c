/* SPDX-License-Identifier: Apache-2.0 */
/* From reset to the first task. The names without a body here are the linker script's. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "hal/cpu.h"

extern char data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[];

extern void aos_maintask(void *arg);

/* The two entries that a start needs stand first: the boot stage jumps to the second. */
void Reset_Handler(void)
{
    memcpy(data_start, data_load, (size_t)(data_end - data_start));
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
    hal_console_on();
    aos_maintask(NULL);
    hal_cpu_off(0);
}

/* A firmware that goes wrong starts anew: the boot stage counts that. */
static void start_anew(const char *says)
{
    for (; *says != '\0'; says++) {
        hal_console_put(*says);
    }
    hal_cpu_reset();
}

static void fault(void)
{
    start_anew("fault: the firmware went wrong and starts anew\n");
}

static void hangs(void)
{
    start_anew("watchdog: the firmware hangs and starts anew\n");
}

/* The sixteen vectors of an ARMv8-M core; no interrupt of the chip is used. */
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))stack_top,
    Reset_Handler,
    hangs, /* NMI: the watchdog */
    fault, /* hard fault */
    fault, /* memory management */
    fault, /* bus fault */
    fault, /* usage fault */
    fault, /* secure fault */
    NULL,
    NULL,
    NULL,
    fault, /* SVC */
    fault, /* debug monitor */
    NULL,
    fault, /* PendSV */
    fault, /* SysTick */
};
