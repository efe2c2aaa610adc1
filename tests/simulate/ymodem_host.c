/* The demo's sender on this computer: the line is standard input and output, the answer the exit status. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ymodem.h"

static uint32_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint32_t)(time.tv_sec * 1000 + time.tv_nsec / 1000000);
}

static int get(void *context, uint32_t *ms)
{
    struct pollfd line = { 0, POLLIN, 0 };
    uint32_t start = now(), went;
    unsigned char byte;
    int ready;

    (void)context;
    fflush(stdout);
    ready = poll(&line, 1, (int)*ms);
    went = now() - start;
    *ms -= went < *ms ? went : *ms;
    return ready == 1 && read(0, &byte, 1) == 1 ? byte : -1;
}

static int put(void *context, uint8_t byte)
{
    (void)context;
    return putchar(byte) != EOF ? 0 : -1;
}

static int file_read(void *context, uint32_t offset, uint8_t *buffer, uint32_t length)
{
    return fseek(context, (long)offset, SEEK_SET) == 0 && fread(buffer, 1, length, context) == length ? 0 : -1;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    ymodem_port_t port = { get, put, file_read, file };
    int ret;

    if (file == NULL) {
        return 99;
    }
    ret = ymodem_send(&port, "mcu.bin", (uint32_t)strtoul(argv[2], NULL, 10));
    fflush(stdout);
    return -ret;
}
