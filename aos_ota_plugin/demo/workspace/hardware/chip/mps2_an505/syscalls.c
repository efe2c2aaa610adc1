/* SPDX-License-Identifier: Apache-2.0 */
/* What the C library needs of the system under it. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hal/cpu.h"

extern char heap_start[], heap_end[];

void *_sbrk(ptrdiff_t increment)
{
    static char *end = heap_start;
    char *old = end;

    if (increment > heap_end - end || increment < heap_start - end) {
        errno = ENOMEM;
        return (void *)-1;
    }
    end += increment;
    return old;
}

int _write(int file, const char *data, int length)
{
    (void)file;
    for (int i = 0; i < length; i++) {
        hal_console_put(data[i]);
    }
    return length;
}

int _read(int file, char *data, int length)
{
    (void)file;
    (void)data;
    (void)length;
    return 0;
}

int _close(int file)
{
    (void)file;
    return -1;
}

int _fstat(int file, struct stat *status)
{
    (void)file;
    status->st_mode = S_IFCHR;
    return 0;
}

int _isatty(int file)
{
    (void)file;
    return 1;
}

off_t _lseek(int file, off_t offset, int whence)
{
    (void)file;
    (void)offset;
    (void)whence;
    return 0;
}

int _getpid(void)
{
    return 1;
}

int _kill(int pid, int signal)
{
    (void)pid;
    (void)signal;
    errno = EINVAL;
    return -1;
}

void _exit(int status)
{
    hal_cpu_off(status);
}
