/* SPDX-License-Identifier: Apache-2.0 */
/* The connected MCU: what stands in the OTA partition is sent to it over Ymodem, on the second UART. */
#include <stddef.h>

#include "aos/kernel.h"
#include "hal/uart.h"
#include "ota_import.h"
#include "ymodem.h"

static int get(void *context, uint32_t *ms)
{
    int byte;

    (void)context;
    while ((byte = hal_uart_get()) < 0 && *ms > 0) {
        aos_msleep(1);
        (*ms)--;
    }
    return byte;
}

static int put(void *context, uint8_t byte)
{
    (void)context;
    return hal_uart_put(byte);
}

static int partition_read(void *context, uint32_t offset, uint8_t *buffer, uint32_t length)
{
    (void)context;
    return ota_read(&offset, buffer, length) == OTA_SUCCESS ? 0 : -1;
}

const char *ota_hal_mcu_send(const char *name, uint32_t length)
{
    static const ymodem_port_t line = { get, put, partition_read, NULL };

    hal_uart_on();
    switch (ymodem_send(&line, name, length)) {
    case YMODEM_OK:
        return NULL;
    case YMODEM_SILENT:
        return "the MCU does not answer";
    case YMODEM_REFUSED:
        return "the MCU refuses";
    case YMODEM_TRIES:
        return "the MCU does not get a block whole";
    default:
        return "the image cannot be read";
    }
}
