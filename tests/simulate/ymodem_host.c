/* The demo's sender on this computer: the line is standard input and output, the answer the exit status. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ymodem.h"

static int get(void *context, uint32_t ms)
{
    struct pollfd line = { 0, POLLIN, 0 };
    unsigned char byte;

    (void)context;
    fflush(stdout);
    return poll(&line, 1, (int)ms) == 1 && read(0, &byte, 1) == 1 ? byte : -1;
}

static void put(void *context, uint8_t byte)
{
    (void)context;
    putchar(byte);
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
