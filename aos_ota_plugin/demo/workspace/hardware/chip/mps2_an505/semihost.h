/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host, by Arm's semihosting calls. */
#ifndef SEMIHOST_H
#define SEMIHOST_H

#include <stdint.h>

typedef enum { SEMIHOST_READ = 1, SEMIHOST_READ_WRITE = 3, SEMIHOST_CREATE = 5 } semihost_mode_t;

/* A file, or -1. */
int semihost_open(const char *path, semihost_mode_t mode);
void semihost_close(int file);

/* Bytes of the file, or -1. */
int32_t semihost_length(int file);

/* All of the bytes, from offset: 0, else -1. */
int semihost_read(int file, uint32_t offset, void *buffer, uint32_t length);
int semihost_write(int file, uint32_t offset, const void *data, uint32_t length);

/* The value of `name` or `name=value` among the words of the emulator's argument; NULL when it is not there. */
const char *semihost_argument(const char *name);

/* Seconds since 1970. */
uint32_t semihost_time(void);

void semihost_exit(int status) __attribute__((noreturn));

#endif
