/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_CPU_H
#define HAL_CPU_H

/* The console is the core's trace port, which a debugger shows. */
void hal_console_on(void);
void hal_console_put(char letter);

/* The next letter that was typed, or -1. */
int hal_console_get(void);

/* About a millisecond. */
void hal_cpu_wait_ms(void);

/* Start anew, from the boot stage. */
void hal_cpu_reset(void) __attribute__((noreturn));

#endif
