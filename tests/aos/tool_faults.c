/* Preloaded into the programs of a build: what they write below one folder is counted, and at one write a fault strikes.
 *
 * Half of that write is done. Then the build's process group gets a signal, or scons alone, or the program alone; or the disk
 * is full from then on: every file that is written there is exchanged for /dev/full, so that the errors are the kernel's own.
 * The environment says which (tool_faults.py); without it nothing is changed.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOOLS = 7 };
static const char *const names[TOOLS] = {"cc1", "as", "ar", "ld", "objcopy", "build_bin.py", "scons"};

/* One file, shared by all programs of a build. */
static struct shared {
    unsigned count[TOOLS];
    unsigned struck, full;
} *shared;

static const char *folder, *fault;
static int me = -1, chosen = -1, all;
static unsigned long nth;

#undef fwrite_unlocked
#undef fputs_unlocked
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static size_t read_file(const char *path, char *buffer, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, buffer, size - 1);
    if (file >= 0)
        close(file);
    buffer[got < 0 ? 0 : got] = 0;
    return got < 0 ? 0 : (size_t)got;
}

/* Which of the tools a process is, by its name or the script that it runs. */
static int tool_of(const char *command_line)
{
    char buffer[4096];
    size_t size = read_file(command_line, buffer, sizeof buffer), at = 0;
    for (int argument = 0; argument < 4 && at < size; argument++, at += strlen(buffer + at) + 1) {
        const char *slash = strrchr(buffer + at, '/'), *name = slash ? slash + 1 : buffer + at;
        if (strncmp(name, "arm-none-eabi-", 14) == 0)
            name += 14;
        for (int tool = 0; tool < TOOLS; tool++)
            if (strcmp(name, names[tool]) == 0 && (argument == 0) == (tool < 5))
                return tool;
    }
    return -1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *state = getenv("TOOL_FAULT_STATE"), *number = getenv("TOOL_FAULT_NTH"), *tool = getenv("TOOL_FAULT_TOOL");
    int file = state ? open(state, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *memory = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    folder = getenv("TOOL_FAULT_FOLDER");
    fault = getenv("TOOL_FAULT");
    all = getenv("TOOL_FAULT_ALL") != NULL;
    if (memory == MAP_FAILED || !number || !tool || !folder || !fault)
        abort();
    nth = strtoul(number, NULL, 10);
    for (int which = 0; which < TOOLS; which++)
        if (strcmp(tool, names[which]) == 0)
            chosen = which;
    me = tool_of("/proc/self/cmdline");
    shared = memory;
}

static int below_folder(int file)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, sizeof path - 1);
    size_t length = strlen(folder);
    if (size <= (ssize_t)length || memcmp(path, folder, length) != 0 || path[length] != '/')
        return 0;
    /* aos-tools puts one into each component's folder while it reads, and stumbles over half of one ever after. */
    path[size] = 0;
    return strcmp(strrchr(path, '/'), "/SConscript") != 0;
}

/* The process above this one that is scons, or 0. */
static pid_t scons(void)
{
    for (long process = getpid(); process > 1;) {
        char path[64], text[1024];
        snprintf(path, sizeof path, "/proc/%ld/cmdline", process);
        if (tool_of(path) == 6)
            return (pid_t)process;
        snprintf(path, sizeof path, "/proc/%ld/stat", process);
        read_file(path, text, sizeof text);
        const char *behind = strrchr(text, ')');
        if (!behind || sscanf(behind, ") %*c %ld", &process) != 1)
            return 0;
    }
    return 0;
}

static void fill(int file)
{
    int device = open("/dev/full", O_RDWR | O_CLOEXEC);
    if (device < 0 || dup2(device, file) < 0)
        abort();
    close(device);
}

/* Whether this write is the one that goes wrong; with a full disk those after it do as well. */
static int strikes(int file)
{
    if (!shared || file < 0 || (me < 0 && !all) || !below_folder(file))
        return 0;
    int saved = errno;
    if (shared->full && (all || me == chosen))
        fill(file);
    errno = saved;
    return me >= 0 && __atomic_add_fetch(&shared->count[me], 1, __ATOMIC_SEQ_CST) == nth && me == chosen;
}

static void strike(int file)
{
    __atomic_store_n(&shared->struck, 1, __ATOMIC_SEQ_CST);
    if (strcmp(fault, "ENOSPC") == 0) {
        __atomic_store_n(&shared->full, 1, __ATOMIC_SEQ_CST);
        fill(file);
    } else if (strcmp(fault, "INT group") == 0) {
        kill(0, SIGINT);
    } else if (strcmp(fault, "TERM group") == 0) {
        kill(0, SIGTERM);
    } else if (strcmp(fault, "KILL group") == 0) {
        kill(0, SIGKILL);
    } else if (strcmp(fault, "TERM scons") == 0) {
        kill(scons() ?: getpid(), SIGTERM);
    } else if (strcmp(fault, "KILL scons") == 0) {
        kill(scons() ?: getpid(), SIGKILL);
        sleep(3); /* a program that outlives the build, and goes on writing into the next one */
    } else if (strcmp(fault, "KILL tool") == 0) {
        kill(getpid(), SIGKILL);
    } else {
        abort();
    }
}

static size_t stdio(__typeof__(&fwrite) real, const void *data, size_t size, size_t number, FILE *stream)
{
    int file = shared ? fileno(stream) : -1;
    size_t whole = size * number, half = whole / 2;
    if (!strikes(file))
        return real(data, size, number, stream);
    if (real(data, 1, half, stream) != half || fflush(stream) != 0)
        abort();
    strike(file);
    return real((const char *)data + half, 1, whole - half, stream) == whole - half ? number : 0;
}

size_t fwrite(const void *data, size_t size, size_t number, FILE *stream)
{
    return stdio(REAL(fwrite), data, size, number, stream);
}

size_t fwrite_unlocked(const void *data, size_t size, size_t number, FILE *stream)
{
    return stdio(REAL(fwrite_unlocked), data, size, number, stream);
}

int fputs(const char *text, FILE *stream)
{
    return stdio(REAL(fwrite), text, 1, strlen(text), stream) == strlen(text) ? 1 : EOF;
}

int fputs_unlocked(const char *text, FILE *stream)
{
    return stdio(REAL(fwrite_unlocked), text, 1, strlen(text), stream) == strlen(text) ? 1 : EOF;
}

ssize_t write(int file, const void *data, size_t size)
{
    ssize_t half = 0;
    if (strikes(file)) {
        half = REAL(write)(file, data, size / 2);
        if (half < 0)
            abort();
        strike(file);
        data = (const char *)data + half;
        size -= (size_t)half;
    }
    ssize_t rest = REAL(write)(file, data, size);
    return rest < 0 ? (half ? half : rest) : half + rest;
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size)
{
    struct stat status;
    ssize_t half = 0;
    if (strikes(to) && fstat(from, &status) == 0) {
        if ((size_t)status.st_size < size)
            size = (size_t)status.st_size;
        half = REAL(sendfile64)(to, from, offset, size / 2);
        if (half < 0)
            abort();
        strike(to);
    }
    if (shared && shared->full && fstat(to, &status) == 0 && S_ISCHR(status.st_mode)) {
        errno = ENOSPC; /* /dev/full would say that it takes no such call */
        return -1;
    }
    return half ? half : REAL(sendfile64)(to, from, offset, size);
}

ssize_t sendfile(int to, int from, off_t *offset, size_t size)
{
    return sendfile64(to, from, (off64_t *)offset, size);
}
