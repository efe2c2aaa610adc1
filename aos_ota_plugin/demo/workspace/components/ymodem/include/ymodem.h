/* SPDX-License-Identifier: Apache-2.0 */
/* Ymodem's sending end. A file is read block by block, so that it need not fit into RAM. */
#ifndef YMODEM_H
#define YMODEM_H

#include <stdint.h>

#define YMODEM_NAME_MAX 64 /* bytes of a file's name, with its zero byte */

#define YMODEM_OK       0
#define YMODEM_SILENT  -1 /* the receiver does not answer */
#define YMODEM_REFUSED -2 /* the receiver cancelled: CAN CAN */
#define YMODEM_TRIES   -3 /* a block was not acknowledged after all tries */
#define YMODEM_SOURCE  -4 /* the file cannot be read, or its name is too long */

typedef struct {
    /* The next byte, or -1 when none comes within *ms milliseconds, of which those that went by are taken. */
    int (*get)(void *context, uint32_t *ms);
    /* 0, or -1 when the line takes no byte. */
    int (*put)(void *context, uint8_t byte);
    /* All of these bytes of the file: 0, else -1. */
    int (*read)(void *context, uint32_t offset, uint8_t *buffer, uint32_t length);
    void *context;
} ymodem_port_t;

/* Send one file and end the session: YMODEM_OK only when the receiver acknowledged all of it. */
int ymodem_send(const ymodem_port_t *port, const char *name, uint32_t size);

#endif
