/* SPDX-License-Identifier: Apache-2.0 */
/* What a board with a network needs besides: milliseconds, the date, and a secret that no other start had. */
#ifndef HAL_CLOCK_H
#define HAL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds since the start; wraps after 49 days. Ask at least every three minutes. */
uint32_t hal_clock_ms(void);

/* Seconds since 1970, as a real-time clock with a battery knows them. */
uint32_t hal_clock_date(void);

/* The seed of random numbers that the board keeps; who reads it writes another. Bytes moved, or -1. */
int hal_seed_read(unsigned char *seed, size_t size);
int hal_seed_write(unsigned char *seed, size_t size);

#endif
