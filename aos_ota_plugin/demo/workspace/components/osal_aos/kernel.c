/* SPDX-License-Identifier: Apache-2.0 */
#include "aos/kernel.h"

#include <stddef.h>

#include "hal/cpu.h"

int aos_task_new(const char *name, void (*fn)(void *), void *arg, int stack_size)
{
    (void)name;
    if (fn == NULL || stack_size <= 0) {
        return -1;
    }
    fn(arg);
    return 0;
}

void aos_msleep(int ms)
{
    while (ms-- > 0) {
        hal_cpu_wait_ms();
    }
}
