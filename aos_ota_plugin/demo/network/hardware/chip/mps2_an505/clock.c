/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/clock.h"

#include <sys/time.h>

#include "semihost.h"

/* TIMER0, Arm's CMSDK APB timer, at its secure address: it counts down. */
#define TIMER_CONTROL (*(volatile uint32_t *)0x50000000u)
#define TIMER_VALUE   (*(volatile uint32_t *)0x50000004u)
#define TIMER_RELOAD  (*(volatile uint32_t *)0x50000008u)
#define TICKS_PER_MS  20000u

#define SEED_FILE "seed.bin"

uint32_t hal_clock_ms(void)
{
    static uint32_t last, rest, ms;
    uint32_t value, ticks;

    if (TIMER_CONTROL == 0) {
        TIMER_RELOAD = UINT32_MAX;
        TIMER_VALUE = UINT32_MAX;
        TIMER_CONTROL = 1;
        last = UINT32_MAX;
    }
    value = TIMER_VALUE;
    ticks = last - value;
    last = value;
    ms += ticks / TICKS_PER_MS;
    rest += ticks % TICKS_PER_MS;
    ms += rest / TICKS_PER_MS;
    rest %= TICKS_PER_MS;
    return ms;
}

uint32_t hal_clock_date(void)
{
    return semihost_time();
}

/* The C library's clock. */
int _gettimeofday(struct timeval *now, void *zone)
{
    (void)zone;
    now->tv_sec = hal_clock_date();
    now->tv_usec = 0;
    return 0;
}

int hal_seed_read(unsigned char *seed, size_t size)
{
    int file = semihost_open(SEED_FILE, SEMIHOST_READ);
    int ret;

    if (file < 0) {
        return -1;
    }
    ret = semihost_length(file) >= (int32_t)size ? semihost_read(file, 0, seed, size) : -1;
    semihost_close(file);
    return ret == 0 ? (int)size : -1;
}

int hal_seed_write(unsigned char *seed, size_t size)
{
    int file = semihost_open(SEED_FILE, SEMIHOST_READ_WRITE);
    int ret;

    if (file < 0) {
        return -1;
    }
    ret = semihost_write(file, 0, seed, size);
    semihost_close(file);
    return ret == 0 ? (int)size : -1;
}
