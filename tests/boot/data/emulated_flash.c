/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot stage on flash in memory, told what to do on standard input: see boot_device.py. Flash that is written without
 * being erased, or not within a sector, ends the program.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ota_boot.h"
#include "ota_xz.h"

enum { NOTHING, HALF, ALL, GARBAGE }; /* what of an operation is done when power fails in it */

static uint8_t *flash, *saved;
static uint32_t flash_size;
static ota_boot_t boot;
static char log_text[1 << 16];
static size_t log_size;

static long operations, cut_at = -1, error_at = -1;
static int torn;
static uint32_t chance = 1;
static jmp_buf power;

static void fail(const char *what, uint32_t address)
{
    fprintf(stderr, "flash: %s at 0x%x\n", what, (unsigned)address);
    exit(3);
}

static uint8_t garbage(void)
{
    chance ^= chance << 13;
    chance ^= chance >> 17;
    chance ^= chance << 5;
    return (uint8_t)chance;
}

static int flash_read(void *ctx, uint32_t address, void *buffer, uint32_t length)
{
    (void)ctx;
    if (address > flash_size || length > flash_size - address) {
        fail("read outside", address);
    }
    memcpy(buffer, flash + address, length);
    return 0;
}

/* Change flash, as far as power lasts. data NULL: erase. */
static int change(uint32_t address, const uint8_t *data, uint32_t length)
{
    long number = operations++;
    int last = number == cut_at;
    uint32_t reach = length;

    if (number == error_at) {
        reach = length / 2;
    }
    if (last && torn == NOTHING) {
        reach = 0;
    } else if (last && torn == HALF) {
        reach = length / 2;
    }
    for (uint32_t at = 0; at < reach; at++) {
        uint8_t value = data != NULL ? data[at] : 0xFF;

        if (last && torn == GARBAGE) { /* some bits have made it */
            value = data != NULL ? (uint8_t)(value | garbage()) : (uint8_t)(flash[address + at] | garbage());
        }
        flash[address + at] = value;
    }
    if (last) {
        longjmp(power, 1);
    }
    return number == error_at ? -1 : 0;
}

static int flash_write(void *ctx, uint32_t address, const void *data, uint32_t length)
{
    (void)ctx;
    if (length == 0 || address > flash_size || length > flash_size - address ||
        address / OTA_BOOT_SECTOR != (address + length - 1) / OTA_BOOT_SECTOR) {
        fail("write not within a sector", address);
    }
    for (uint32_t at = 0; at < length; at++) {
        if (flash[address + at] != 0xFF) {
            fail("write without erase", address + at);
        }
    }
    return change(address, data, length);
}

static int flash_erase(void *ctx, uint32_t address)
{
    (void)ctx;
    if (address % OTA_BOOT_SECTOR != 0 || address >= flash_size) {
        fail("no sector to erase", address);
    }
    return change(address, NULL, OTA_BOOT_SECTOR);
}

static void take_log(void *ctx, const char *what, int32_t value)
{
    (void)ctx;
    log_size += (size_t)snprintf(log_text + log_size, sizeof(log_text) - log_size, "%s %ld\n", what, (long)value);
}

static uint8_t *payload(unsigned long size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);

    if (fread(data, 1, size, stdin) != size) {
        exit(4);
    }
    return data;
}

/* Power on: what a call returns, or 1000 when power failed in it. */
static int powered(int (*call)(void *), void *argument)
{
    volatile int code = 1000;

    operations = 0;
    log_size = 0;
    log_text[0] = '\0';
    boot.arena = malloc(boot.arena_size > 0 ? boot.arena_size : 1);
    memset(boot.arena, 0xA5, boot.arena_size);
    boot.arena_peak = 0;
    if (setjmp(power) == 0) {
        code = call(argument);
    }
    free(boot.arena);
    cut_at = error_at = -1;
    return code;
}

static int call_run(void *argument)
{
    (void)argument;
    return ota_boot_run(&boot);
}

static int call_request(void *argument)
{
    return ota_boot_request(&boot, argument);
}

static int call_confirm(void *argument)
{
    (void)argument;
    return ota_boot_confirm(&boot);
}

static void answer(int code)
{
    printf("%d %ld %lu %lu\n%s", code, operations, (unsigned long)boot.arena_peak, (unsigned long)log_size, log_text);
}

static int read_memory(void *ctx, uint32_t address, void *buffer, uint32_t length)
{
    memcpy(buffer, (const uint8_t *)ctx + address, length);
    return 0;
}

static void decode(unsigned long limit, unsigned long size, unsigned long step)
{
    uint8_t *data = payload(size), *dict = malloc(limit), *out = malloc(step);
    ota_xz_t *xz = malloc(sizeof(*xz));
    ota_xz_source_t source = { read_memory, data, 0, (uint32_t)size };
    static uint8_t all[1u << 22];
    size_t made = 0;
    int32_t part;

    memset(dict, 0xA5, limit);
    memset(xz, 0xA5, sizeof(*xz));
    ota_xz_open(xz, &source, dict, (uint32_t)limit);
    do {
        part = ota_xz_read(xz, out, (uint32_t)step);
        if (part > 0) {
            memcpy(all + made, out, (size_t)part);
            made += (size_t)part;
        }
    } while (part == (int32_t)step && made + step <= sizeof(all));
    printf("%d %lu %lu\n", part < 0 ? (int)part : 0, (unsigned long)xz->consumed, (unsigned long)made);
    fwrite(all, 1, made, stdout);
    free(data);
    free(dict);
    free(out);
    free(xz);
}

static void tell_state(void)
{
    ota_boot_state_t state;
    int code = ota_boot_read_state(&boot, &state);

    printf("%d %u %u %u %u %d %u %u %u %u %u %u\n%s\n%s\n", code, state.bank, state.boot_count, state.trial, state.rollback,
           state.result, state.attempts, state.patch_status, state.patch_off, state.new_off, state.request.upg_flag,
           state.sequence, state.ver, state.old_ver);
}

int main(void)
{
    char line[256], verb[16];
    unsigned long a[6];

    boot.flash.read = flash_read;
    boot.flash.write = flash_write;
    boot.flash.erase = flash_erase;
    boot.log = take_log;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        memset(a, 0, sizeof(a));
        if (sscanf(line, "%15s %lu %lu %lu %lu %lu %lu", verb, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5]) < 1) {
            exit(5);
        }
        if (strcmp(verb, "size") == 0) {
            flash_size = (uint32_t)a[0];
            free(flash);
            free(saved);
            flash = malloc(flash_size);
            saved = malloc(flash_size);
            memset(flash, 0xFF, flash_size);
        } else if (strcmp(verb, "put") == 0) {
            uint8_t *data = payload(a[1]);

            memcpy(flash + a[0], data, a[1]);
            free(data);
        } else if (strcmp(verb, "get") == 0) {
            fwrite(flash + a[0], 1, a[1], stdout);
        } else if (strcmp(verb, "save") == 0) {
            memcpy(saved, flash, flash_size);
        } else if (strcmp(verb, "load") == 0) {
            memcpy(flash, saved, flash_size);
        } else if (strcmp(verb, "layout") == 0) {
            ota_layout_t layout = { { (uint32_t)a[0], (uint32_t)a[1] }, (uint32_t)a[2],
                                    { (uint32_t)a[3], (uint32_t)a[4] }, (uint32_t)a[5] };
            boot.layout = layout;
        } else if (strcmp(verb, "arena") == 0) {
            boot.arena_size = (uint32_t)a[0];
        } else if (strcmp(verb, "power") == 0) { /* for the next call; 0: no cut, no error */
            cut_at = (long)a[0] - 1;
            torn = (int)a[1];
            error_at = (long)a[2] - 1;
        } else if (strcmp(verb, "request") == 0) {
            ota_boot_request_t request;

            memset(&request, 0, sizeof(request));
            request.upg_flag = (uint16_t)a[0];
            request.file_off = (uint32_t)a[1];
            request.len = (uint32_t)a[2];
            request.crc = (uint16_t)a[3];
            memset(request.ver, 'v', a[4] < sizeof(request.ver) ? a[4] : sizeof(request.ver));
            answer(powered(call_request, &request));
        } else if (strcmp(verb, "run") == 0) {
            answer(powered(call_run, NULL));
        } else if (strcmp(verb, "confirm") == 0) {
            answer(powered(call_confirm, NULL));
        } else if (strcmp(verb, "crc") == 0) {
            uint16_t crc = 0;
            int code = ota_boot_file_crc(&boot, (uint32_t)a[0], (uint32_t)a[1], &crc);

            printf("%d %u\n", code, (unsigned)crc);
        } else if (strcmp(verb, "xz") == 0) {
            decode(a[0], a[1], a[2]);
        } else if (strcmp(verb, "state") == 0) {
            tell_state();
        } else {
            exit(6);
        }
        fflush(stdout);
    }
    free(flash);
    free(saved);
    return 0;
}
