/* SPDX-License-Identifier: Apache-2.0 */
/* Arm's "Semihosting for AArch32 and AArch64", operations by number. */
#include "semihost.h"

#include <string.h>

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_SEEK = 0x0A,
    SYS_FLEN = 0x0C,
    SYS_TIME = 0x11,
    SYS_GET_CMDLINE = 0x15,
    SYS_EXIT_EXTENDED = 0x20,
};
#define APPLICATION_EXIT 0x20026u

static int32_t call(uint32_t operation, const void *block)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = block;

    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

int semihost_open(const char *path, semihost_mode_t mode)
{
    uint32_t block[3] = { (uint32_t)path, mode, strlen(path) };

    return call(SYS_OPEN, block);
}

void semihost_close(int file)
{
    uint32_t block[1] = { (uint32_t)file };

    call(SYS_CLOSE, block);
}

int32_t semihost_length(int file)
{
    uint32_t block[1] = { (uint32_t)file };

    return call(SYS_FLEN, block);
}

static int seek(int file, uint32_t offset)
{
    uint32_t block[2] = { (uint32_t)file, offset };

    return call(SYS_SEEK, block);
}

/* The two answer with the number of bytes that were not moved. */
static int move(uint32_t operation, int file, const void *buffer, uint32_t length)
{
    uint32_t block[3] = { (uint32_t)file, (uint32_t)buffer, length };

    return call(operation, block) == 0 ? 0 : -1;
}

int semihost_read(int file, uint32_t offset, void *buffer, uint32_t length)
{
    return seek(file, offset) != 0 ? -1 : length == 0 ? 0 : move(SYS_READ, file, buffer, length);
}

int semihost_write(int file, uint32_t offset, const void *data, uint32_t length)
{
    return seek(file, offset) != 0 ? -1 : move(SYS_WRITE, file, data, length);
}

const char *semihost_argument(const char *name)
{
    static char line[256];
    uint32_t block[2] = { (uint32_t)line, sizeof(line) };
    size_t length = strlen(name);

    if (call(SYS_GET_CMDLINE, block) != 0) {
        return NULL;
    }
    for (const char *word = line; word != NULL; word = strchr(word, ' ')) {
        word += strspn(word, " ");
        if (strncmp(word, name, length) == 0 && (word[length] == '\0' || word[length] == ' ' || word[length] == '=')) {
            return word + length + (word[length] == '=');
        }
    }
    return NULL;
}

uint32_t semihost_time(void)
{
    return (uint32_t)call(SYS_TIME, NULL);
}

void semihost_exit(int status)
{
    uint32_t block[2] = { APPLICATION_EXIT, (uint32_t)status };

    for (;;) {
        call(SYS_EXIT_EXTENDED, block);
    }
}
