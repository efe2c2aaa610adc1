/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_CPU_H
#define HAL_CPU_H

/* The console is the core's trace port, which a debugger shows. */
void hal_console_on(void);
void hal_console_put(char letter);

/* About a millisecond. */
void hal_cpu_wait_ms(void);

#endif
