/* SPDX-License-Identifier: Apache-2.0 */
/* The boot stage: applies what there is to apply, shows the active bank where firmware runs, and starts it. */
#include <stdint.h>
#include <stdio.h>

#include "board_flash.h"
#include "hal/cpu.h"

#define VTOR       (*(volatile uint32_t *)0xE000ED08u)
#define WINDOW     0x80000000u
#define BLOCK      0x8000u
#define NO_VERSION 3 /* the exit status when there is nothing to start */
#define ENDLESS    4 /* and when the device starts again and again */
#define TRIAL      8 /* seconds that a version on trial may hang */

static uint8_t arena[OTA_BOOT_ARENA_DIFF] __attribute__((aligned(8)));

static void __attribute__((noreturn)) start(void)
{
    const uint32_t *vectors = (const uint32_t *)WINDOW;

    VTOR = WINDOW;
    __asm volatile("dsb\n isb\n msr msp, %0\n bx %1" ::"r"(vectors[0]), "r"(vectors[1]) : "memory");
    __builtin_unreachable();
}

static int show(const ota_boot_t *boot, int bank)
{
    for (uint32_t done = 0; done < boot->layout.bank_size; done += BLOCK) {
        if (boot->flash.read(boot->flash.ctx, boot->layout.bank[bank] + done, (void *)(WINDOW + done), BLOCK) != 0) {
            return -1;
        }
    }
    return *(const uint32_t *)WINDOW != 0xFFFFFFFFu ? 0 : -1;
}

void aos_maintask(void *arg)
{
    ota_boot_t *boot = board_boot();
    ota_boot_state_t state;
    int bank;

    (void)arg;
    if (!board_starts_again()) {
        printf("boot: the device starts again and again\n");
        hal_cpu_off(ENDLESS);
    }
    boot->arena = arena;
    boot->arena_size = sizeof(arena);
    bank = ota_boot_run(boot);
    if (boot->arena_peak != 0) {
        printf("boot: %lu bytes of heap at most\n", (unsigned long)boot->arena_peak);
    }
    if (bank < 0 || show(boot, bank) != 0) {
        printf("boot: there is nothing to start: %d\n", bank);
        hal_cpu_off(NO_VERSION);
    }
    printf("boot: bank %c\n", 'A' + bank);
    if (ota_boot_read_state(boot, &state) == 0 && state.trial != 0) {
        hal_watchdog_start(TRIAL);
    }
    start();
}
