/* SPDX-License-Identifier: Apache-2.0 */
/* The platform and its file server, as files of the host. */
#include "hal/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aos/kernel.h"
#include "hal/cpu.h"
#include "semihost.h"

int hal_net_connect(void)
{
    int file = semihost_open("platform.txt", SEMIHOST_READ);

    if (file < 0) {
        return -1;
    }
    semihost_close(file);
    return 0;
}

/* Where the next message starts: what was received before a restart does not come again. */
static uint32_t position(const uint32_t *set)
{
    int file = semihost_open("platform.pos", set != NULL ? SEMIHOST_CREATE : SEMIHOST_READ);
    uint32_t at = 0;

    if (file >= 0) {
        if (set != NULL) {
            semihost_write(file, 0, set, sizeof(*set));
        } else if (semihost_read(file, 0, &at, sizeof(at)) != 0) {
            at = 0;
        }
        semihost_close(file);
    }
    return at;
}

/*
 * The first message of what was read, a line: topic, a blank, text; or topic, a tab, the number of bytes, a blank, and those
 * bytes, whatever they are. What follows is the line's end: its place, or -1 when it was not read. The packet becomes topic,
 * a zero byte, text, of *packet_length bytes.
 */
static int32_t take_message(char *packet, uint32_t length, uint32_t *packet_length)
{
    char *end = memchr(packet, '\n', length), *blank, *tab;
    unsigned long counted;

    if (end == NULL) {
        return -1;
    }
    *packet_length = (uint32_t)(end - packet);
    blank = memchr(packet, ' ', (size_t)(end - packet));
    tab = blank != NULL ? memchr(packet, '\t', (size_t)(blank - packet)) : NULL;
    if (tab == NULL) {
        if (blank != NULL) {
            *blank = '\0';
        }
        return end - packet;
    }
    counted = strtoul(tab + 1, NULL, 10);
    if (counted >= length - (uint32_t)(blank + 1 - packet)) {
        return -1;
    }
    end = blank + 1 + counted;
    *tab = '\0';
    memmove(tab + 1, blank + 1, counted);
    *packet_length = (uint32_t)(tab + 1 - packet) + counted;
    return end - packet;
}

int hal_net_receive(void *packet, uint32_t size)
{
    uint32_t at = position(NULL);
    int file = semihost_open("platform.txt", SEMIHOST_READ);
    int32_t left = file >= 0 ? semihost_length(file) - (int32_t)at : 0;
    int32_t end = -1;
    uint32_t packet_length = 0;

    if (left > 0) {
        uint32_t length = (uint32_t)left < size ? (uint32_t)left : size;

        if (semihost_read(file, at, packet, length) == 0) {
            end = take_message(packet, length, &packet_length);
        }
    }
    if (file >= 0) {
        semihost_close(file);
    }
    if (end < 0 && left <= 0 && semihost_argument("console") != NULL) {
        aos_msleep(10);
        return 0;
    }
    if (end < 0) {
        printf(left > 0 ? "net: a message is longer than a packet\n" : "net: the platform has nothing more to say\n");
        hal_cpu_off(0);
    }
    at += (uint32_t)end + 1;
    position(&at);
    return (int)packet_length;
}

/* At the end of the file: the emulator's mode for that writes over its beginning. */
static int publish(const char *topic, uint32_t topic_length, const void *message, uint32_t length)
{
    int file = semihost_open("reports.txt", SEMIHOST_READ_WRITE);
    uint32_t at;
    int ret;

    if (file < 0) {
        file = semihost_open("reports.txt", SEMIHOST_CREATE);
    }
    if (file < 0) {
        return -1;
    }
    at = (uint32_t)semihost_length(file);
    ret = semihost_write(file, at, topic, topic_length);
    ret |= semihost_write(file, at + topic_length, " ", 1);
    ret |= semihost_write(file, at + topic_length + 1, message, length);
    ret |= semihost_write(file, at + topic_length + 1 + length, "\n", 1);
    semihost_close(file);
    return ret;
}

int hal_net_send(const void *packet, uint32_t length)
{
    const char *topic = packet;
    uint32_t topic_length = strnlen(topic, length);

    return topic_length < length
               ? publish(topic, topic_length, topic + topic_length + 1, length - topic_length - 1)
               : -1;
}

static int file_of(const char *url)
{
    const char *name = strrchr(url, '/');

    name = name != NULL ? name + 1 : url;
    return name[0] != '\0' ? semihost_open(name, SEMIHOST_READ) : -1;
}

int32_t hal_net_file_length(const char *url)
{
    int file = file_of(url);
    int32_t length = file >= 0 ? semihost_length(file) : -1;

    if (file >= 0) {
        semihost_close(file);
    }
    return length;
}

int hal_net_file_read(const char *url, uint32_t offset, void *buffer, uint32_t length)
{
    int file = file_of(url);
    int ret = file >= 0 ? semihost_read(file, offset, buffer, length) : -1;

    if (file >= 0) {
        semihost_close(file);
    }
    return ret;
}
