/* SPDX-License-Identifier: Apache-2.0 */
/* The second UART, to a connected MCU: 115200 bits a second, 8 data bits, no parity, one stop bit. */
#ifndef HAL_UART_H
#define HAL_UART_H

#include <stdint.h>

void hal_uart_on(void);

/* 0, or -1 when the line takes no byte for a second. */
int hal_uart_put(uint8_t byte);

/* The next byte, or -1 when none has come. */
int hal_uart_get(void);

#endif
