/* SPDX-License-Identifier: Apache-2.0 */
#include "aos/kernel.h"

#include <stddef.h>

#include "hal/cpu.h"

#define MAX_WAITING 4

static void (*while_asleep)(void);
static int inside;

/* Tasks that what runs while others sleep has asked for. */
static struct {
    void (*fn)(void *);
    void *arg;
} waiting[MAX_WAITING];
static size_t waiting_count;

int aos_task_new(const char *name, void (*fn)(void *), void *arg, int stack_size)
{
    (void)name;
    if (fn == NULL || stack_size <= 0 || (inside && waiting_count == MAX_WAITING)) {
        return -1;
    }
    if (inside) {
        waiting[waiting_count].fn = fn;
        waiting[waiting_count++].arg = arg;
    } else {
        fn(arg);
    }
    return 0;
}

void aos_while_asleep(void (*fn)(void))
{
    while_asleep = fn;
}

void aos_msleep(int ms)
{
    while (ms-- > 0) {
        hal_cpu_wait_ms();
        if (while_asleep == NULL || inside) {
            continue;
        }
        inside = 1;
        while_asleep();
        inside = 0;
        while (waiting_count > 0) {
            void (*fn)(void *) = waiting[--waiting_count].fn;

            fn(waiting[waiting_count].arg);
        }
    }
}

void aos_reboot(void)
{
    hal_cpu_reset();
}
