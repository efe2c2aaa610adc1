/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_CPU_H
#define HAL_CPU_H

/* The console is UART0. */
void hal_console_on(void);
void hal_console_put(char letter);

/* The next letter that was typed, or -1. */
int hal_console_get(void);

/* A millisecond, asleep. Tells the watchdog that the firmware lives. */
void hal_cpu_wait_ms(void);

/* From now on a firmware that does not wait for so long is started anew. */
void hal_watchdog_start(unsigned int seconds);
void hal_watchdog_stop(void);

/* Start anew, from the boot stage. */
void hal_cpu_reset(void) __attribute__((noreturn));

/* End the emulation with this exit status. */
void hal_cpu_off(int status) __attribute__((noreturn));

#endif
