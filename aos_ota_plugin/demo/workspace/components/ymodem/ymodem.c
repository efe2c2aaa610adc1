/* SPDX-License-Identifier: Apache-2.0 */
#include "ymodem.h"

#include <stdio.h>
#include <string.h>

#define SOH 0x01u
#define STX 0x02u
#define EOT 0x04
#define ACK 0x06
#define NAK 0x15
#define CAN 0x18
#define REQUEST 'C'
#define PAD 0x1Au

#define SMALL 128u
#define LARGE 1024u
#define TRIES 10
#define ANSWER_MS 10000u
#define REQUEST_MS 30000u
#define SETTLE_MS 50u
#define NOISE_MAX 16384

static uint8_t block[LARGE];

static uint16_t crc16(const uint8_t *data, uint32_t length)
{
    uint16_t value = 0;

    while (length-- > 0) {
        value ^= (uint16_t)(*data++ << 8);
        for (int bit = 0; bit < 8; bit++) {
            value = (uint16_t)((value & 0x8000u) != 0 ? value << 1 ^ 0x1021 : value << 1);
        }
    }
    return value;
}

static void give_up(const ymodem_port_t *port)
{
    for (int i = 0; i < 5; i++) {
        port->put(port->context, CAN);
    }
}

/* Drop what comes until the line is quiet. */
static void drain(const ymodem_port_t *port)
{
    for (int i = 0; i < NOISE_MAX; i++) {
        uint32_t ms = SETTLE_MS;

        if (port->get(port->context, &ms) < 0) {
            return;
        }
    }
}

/* One of the two bytes, YMODEM_SILENT, or YMODEM_REFUSED at two CAN in a row. Others are noise. */
static int answer(const ymodem_port_t *port, int one, int other, uint32_t ms)
{
    int before = 0;

    for (int i = 0; i < NOISE_MAX; i++) {
        int byte = port->get(port->context, &ms);

        if (byte < 0) {
            return YMODEM_SILENT;
        }
        if (byte == CAN && before == CAN) {
            drain(port); /* receivers send more of them, which are not to refuse the next session */
            return YMODEM_REFUSED;
        }
        if (byte == one || byte == other) {
            return byte;
        }
        before = byte;
    }
    return YMODEM_SILENT;
}

static int put(const ymodem_port_t *port, const uint8_t *bytes, uint32_t length)
{
    while (length-- > 0) {
        if (port->put(port->context, *bytes++) != 0) {
            return -1;
        }
    }
    return 0;
}

static int put_block(const ymodem_port_t *port, uint8_t number, uint32_t size)
{
    uint16_t crc = crc16(block, size);
    const uint8_t head[3] = { size == LARGE ? STX : SOH, number, (uint8_t)~number };
    const uint8_t tail[2] = { (uint8_t)(crc >> 8), (uint8_t)crc };

    return put(port, head, sizeof(head)) != 0 || put(port, block, size) != 0 || put(port, tail, sizeof(tail)) != 0 ? -1 : 0;
}

/* Send the block, or EOT when size is 0, until it is acknowledged. */
static int deliver(const ymodem_port_t *port, uint8_t number, uint32_t size)
{
    int silent = 1;

    for (int i = 0; i < TRIES; i++) {
        int sent = size != 0 ? put_block(port, number, size) : port->put(port->context, EOT);
        int got = sent == 0 ? answer(port, ACK, NAK, ANSWER_MS) : YMODEM_SILENT;

        if (got == ACK) {
            return YMODEM_OK;
        }
        if (got == YMODEM_REFUSED) {
            return got;
        }
        silent = silent && got == YMODEM_SILENT;
    }
    give_up(port);
    return silent ? YMODEM_SILENT : YMODEM_TRIES;
}

/*
 * Wait for a request, and until the line is quiet behind it: receivers (rb) throw away what comes at once, as they take it for
 * an echo. A receiver may have asked, given up and asked again while nobody listened: its last word counts.
 */
static int requested(const ymodem_port_t *port)
{
    int ret = YMODEM_SILENT, before = 0;
    uint32_t ms = REQUEST_MS;

    for (int i = 0; i < NOISE_MAX; i++) {
        int byte = port->get(port->context, &ms);

        if (byte < 0) {
            return ret;
        }
        if (byte == REQUEST) {
            ret = YMODEM_OK;
        } else if (byte == CAN && before == CAN) {
            ret = YMODEM_REFUSED;
        }
        before = byte;
        if (ret != YMODEM_SILENT) {
            ms = SETTLE_MS;
        }
    }
    return YMODEM_SILENT;
}

static int send_data(const ymodem_port_t *port, uint32_t size)
{
    uint8_t number = 1;

    for (uint32_t done = 0; done < size;) {
        uint32_t left = size - done;
        uint32_t room = left > SMALL ? LARGE : SMALL;
        uint32_t length = left < room ? left : room;
        int ret;

        memset(block, PAD, room);
        if (port->read(port->context, done, block, length) != 0) {
            give_up(port);
            return YMODEM_SOURCE;
        }
        ret = deliver(port, number++, room);
        if (ret != YMODEM_OK) {
            return ret;
        }
        done += length;
    }
    return deliver(port, 0, 0);
}

int ymodem_send(const ymodem_port_t *port, const char *name, uint32_t size)
{
    size_t length = strlen(name);
    int ret;

    if (length == 0 || length >= YMODEM_NAME_MAX) {
        return YMODEM_SOURCE;
    }
    ret = requested(port);
    if (ret != YMODEM_OK) {
        return ret;
    }
    memset(block, 0, SMALL);
    memcpy(block, name, length);
    snprintf((char *)block + length + 1, SMALL - length - 1, "%lu", (unsigned long)size);
    ret = deliver(port, 0, SMALL);
    if (ret == YMODEM_OK) {
        ret = requested(port);
    }
    if (ret == YMODEM_OK) {
        ret = send_data(port, size);
    }
    if (ret == YMODEM_OK) {
        ret = requested(port);
    }
    if (ret == YMODEM_OK) {
        memset(block, 0, SMALL);
        ret = deliver(port, 0, SMALL);
    }
    return ret;
}
