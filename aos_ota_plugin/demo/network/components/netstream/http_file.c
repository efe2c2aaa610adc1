/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The chip's file calls over HTTP/1.1 and HTTPS. One answer is read as long as parts follow one another; another part, or
 * a connection that breaks, takes a new request from there on (Range).
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ethernetif.h"
#include "hal/clock.h"
#include "hal/net.h"
#include "net_stream.h"
#include "ulog/ulog.h"

#define URL_SIZE    256
#define LINE_SIZE   512
#define HEAD_LINES  100
#define RECENT_SIZE 2048
#define WAIT_MS     20000u
#define TRIES       8 /* one after another without a byte */
#define PAUSE_MAX   8000u

typedef struct {
    char host[128];
    uint16_t port;
    int secure;
    const char *path;
} address_t;

static struct {
    char url[URL_SIZE];
    net_stream_t *stream; /* the answer that is being read */
    uint32_t position;    /* where its next byte belongs */
    uint32_t left;        /* bytes that it still has */
    uint32_t total;       /* bytes of the file, 0 before that is known */
    uint8_t recent[RECENT_SIZE];
    uint32_t recent_at, recent_length; /* the last part, which some ask for again */
} file;

typedef enum { GOT, AGAIN, NEVER } outcome_t;

static int parse_url(const char *url, address_t *address)
{
    const char *host, *end, *colon;
    char *after;
    unsigned long port;

    address->secure = strncmp(url, "https://", 8) == 0;
    if (!address->secure && strncmp(url, "http://", 7) != 0) {
        return -1;
    }
    for (const char *letter = url; *letter != '\0'; letter++) {
        if (*letter <= ' ' || *letter >= 0x7f) {
            return -1; /* it would end the request's line */
        }
    }
    host = url + (address->secure ? 8 : 7);
    end = host + strcspn(host, "/?#");
    colon = memchr(host, ':', (size_t)(end - host));
    port = address->secure ? 443 : 80;
    if (colon != NULL) {
        port = strtoul(colon + 1, &after, 10);
        if (!isdigit((unsigned char)colon[1]) || after != end) {
            return -1;
        }
    }
    if (port == 0 || port > UINT16_MAX || memchr(host, '@', (size_t)(end - host)) != NULL) {
        return -1;
    }
    address->port = (uint16_t)port;
    address->path = end;
    end = colon != NULL ? colon : end;
    if (end == host || (size_t)(end - host) >= sizeof(address->host)) {
        return -1;
    }
    memcpy(address->host, host, (size_t)(end - host));
    address->host[end - host] = '\0';
    return 0;
}

static void close_stream(void)
{
    if (file.stream != NULL) {
        net_close(file.stream);
        file.stream = NULL;
    }
}

static void pause_ms(uint32_t ms)
{
    uint32_t start = hal_clock_ms();

    while (hal_clock_ms() - start < ms) {
        ethernetif_poll();
    }
}

/* A line of the answer's head, without its end. */
static outcome_t read_line(char line[LINE_SIZE])
{
    uint32_t start = hal_clock_ms();
    size_t length = 0;
    char letter;

    for (;;) {
        if (hal_clock_ms() - start > WAIT_MS || net_read(file.stream, &letter, 1, WAIT_MS) != 1) {
            return AGAIN;
        }
        if (letter == '\n') {
            line[length > 0 && line[length - 1] == '\r' ? length - 1 : length] = '\0';
            return GOT;
        }
        if (length == LINE_SIZE - 1) {
            LOGE("http", "a line of the answer is too long");
            return NEVER;
        }
        line[length++] = letter;
    }
}

static int number(const char **text, uint32_t *value)
{
    char *end;
    unsigned long long found;

    if (!isdigit((unsigned char)**text)) {
        return -1;
    }
    found = strtoull(*text, &end, 10);
    if (found > INT32_MAX) {
        return -1;
    }
    *value = (uint32_t)found;
    *text = end;
    return 0;
}

/* "bytes 100-199/200" */
static int parse_range(const char *text, uint32_t *first, uint32_t *last, uint32_t *total)
{
    if (strncasecmp(text, "bytes ", 6) != 0) {
        return -1;
    }
    text += 6;
    if (number(&text, first) != 0 || *text++ != '-' || number(&text, last) != 0 || *text++ != '/' ||
        number(&text, total) != 0 || *text != '\0') {
        return -1;
    }
    return *first <= *last && *last < *total ? 0 : -1;
}

static outcome_t read_head(uint32_t offset)
{
    char line[LINE_SIZE];
    uint32_t first = 0, last = 0, total = 0, length = 0;
    int status, ranged = 0, measured = 0, lines = 0;
    outcome_t outcome = read_line(line);

    if (outcome != GOT) {
        return outcome;
    }
    if (sscanf(line, "HTTP/1.%*1[01] %3d", &status) != 1) {
        LOGE("http", "this is no HTTP server");
        return NEVER;
    }
    do {
        const char *value;

        outcome = ++lines <= HEAD_LINES ? read_line(line) : NEVER;
        if (outcome != GOT) {
            return outcome;
        }
        value = strchr(line, ':');
        value = value != NULL ? value + 1 + strspn(value + 1, " \t") : "";
        if (strncasecmp(line, "Content-Range:", 14) == 0) {
            ranged = parse_range(value, &first, &last, &total) == 0;
        } else if (strncasecmp(line, "Content-Length:", 15) == 0) {
            measured = number(&value, &length) == 0;
        } else if (strncasecmp(line, "Transfer-Encoding:", 18) == 0 || strncasecmp(line, "Content-Encoding:", 17) == 0) {
            LOGE("http", "an answer in another coding: %s", line);
            return NEVER;
        }
    } while (line[0] != '\0');
    if (status >= 500) {
        LOGW("http", "the server answers %d", status);
        return AGAIN;
    }
    if (status == 200 && offset == 0 && measured) {
        first = 0;
        total = length;
    } else if (status != 206 || !ranged) {
        LOGE("http", status == 200 ? "the server sends the whole file only: %d" : "the server answers %d", status);
        return NEVER;
    }
    if (first != offset || (file.total != 0 && total != file.total)) {
        LOGE("http", "the server has another file now");
        return NEVER;
    }
    file.total = total;
    file.position = offset;
    file.left = status == 200 ? total : last - first + 1;
    return GOT;
}

static outcome_t request(uint32_t offset)
{
    char text[URL_SIZE + 256];
    address_t address;
    net_result_t result;
    int length;

    close_stream();
    if (parse_url(file.url, &address) != 0) {
        LOGE("http", "no URL that can be followed: %s", file.url);
        return NEVER;
    }
    file.stream = net_open(address.host, address.port, address.secure, &result);
    if (file.stream == NULL) {
        return result == NET_UNTRUSTED ? NEVER : AGAIN;
    }
    length = snprintf(text, sizeof(text), "GET %s%.*s HTTP/1.1\r\nHost: %s:%u\r\nRange: bytes=%lu-\r\n"
                      "Connection: close\r\n\r\n", address.path[0] == '/' ? "" : "/",
                      (int)strcspn(address.path, "#"), address.path, address.host, address.port, (unsigned long)offset);
    if (length < 0 || length >= (int)sizeof(text)) {
        return NEVER;
    }
    return net_write(file.stream, text, (size_t)length) == 0 ? read_head(offset) : AGAIN;
}

/* Stand at offset, at the first try that succeeds. 0, or -1. */
static int stand_at(uint32_t offset, int *tries)
{
    while (file.stream == NULL || file.position != offset || file.left == 0) {
        outcome_t outcome = request(offset);

        if (outcome == GOT) {
            return 0;
        }
        close_stream();
        if (outcome == NEVER || ++*tries == TRIES) {
            return -1;
        }
        pause_ms(*tries < 6 ? 250u << (*tries - 1) : PAUSE_MAX);
    }
    return 0;
}

static void choose(const char *url)
{
    if (strcmp(url, file.url) != 0) {
        close_stream();
        memset(&file, 0, sizeof(file));
        snprintf(file.url, sizeof(file.url), "%s", url);
    }
}

int32_t hal_net_file_length(const char *url)
{
    int tries = 0;

    if (strlen(url) >= URL_SIZE) {
        return -1;
    }
    file.url[0] = '\0'; /* what is known of it may have changed */
    choose(url);
    return stand_at(0, &tries) == 0 ? (int32_t)file.total : -1;
}

/* What of it the last part had. */
static uint32_t from_recent(uint32_t offset, uint8_t *buffer, uint32_t length)
{
    uint32_t skip = offset - file.recent_at;

    if (offset < file.recent_at || skip >= file.recent_length) {
        return 0;
    }
    length = length < file.recent_length - skip ? length : file.recent_length - skip;
    memcpy(buffer, file.recent + skip, length);
    return length;
}

static int from_server(uint32_t offset, uint8_t *buffer, uint32_t length)
{
    uint32_t done = 0;
    int tries = 0;

    while (done < length) {
        uint32_t size = length - done;
        int got;

        if (stand_at(offset + done, &tries) != 0) {
            return -1;
        }
        got = net_read(file.stream, buffer + done, size < file.left ? size : file.left, WAIT_MS);
        if (got > 0) {
            done += (uint32_t)got;
            file.position += (uint32_t)got;
            file.left -= (uint32_t)got;
            tries = 0;
            continue;
        }
        LOGW("http", "cut off at %lu of %lu bytes: going on from there", (unsigned long)file.position,
             (unsigned long)file.total);
        close_stream();
        if (++tries == TRIES) {
            return -1;
        }
        pause_ms(250);
    }
    return 0;
}

int hal_net_file_read(const char *url, uint32_t offset, void *buffer, uint32_t length)
{
    uint32_t had;

    choose(url);
    had = from_recent(offset, buffer, length);
    if (had < length && from_server(offset + had, (uint8_t *)buffer + had, length - had) != 0) {
        return -1;
    }
    if (length <= RECENT_SIZE) {
        memcpy(file.recent, buffer, length);
        file.recent_at = offset;
        file.recent_length = length;
    }
    if (file.total != 0 && offset + length == file.total) {
        close_stream();
    }
    return 0;
}
