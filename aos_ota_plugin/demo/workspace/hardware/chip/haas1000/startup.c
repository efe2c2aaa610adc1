/* SPDX-License-Identifier: Apache-2.0 */
/* From reset to the first task. The names without a body here are the linker script's. */
#include <stdint.h>
#include <string.h>

extern char data_start[], data_end[], data_load[], bss_start[], bss_end[], stack_top[];

extern void aos_maintask(void *arg);

static void stop(void)
{
    for (;;) {
        __asm volatile("wfi");
    }
}

void Reset_Handler(void)
{
    memcpy(data_start, data_load, (size_t)(data_end - data_start));
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
    aos_maintask(NULL);
    stop();
}

/* The sixteen vectors of an ARMv8-M core; no interrupt of the chip is used. */
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))stack_top,
    Reset_Handler,
    stop, /* NMI */
    stop, /* hard fault */
    stop, /* memory management */
    stop, /* bus fault */
    stop, /* usage fault */
    stop, /* secure fault */
    NULL,
    NULL,
    NULL,
    stop, /* SVC */
    stop, /* debug monitor */
    NULL,
    stop, /* PendSV */
    stop, /* SysTick */
};
