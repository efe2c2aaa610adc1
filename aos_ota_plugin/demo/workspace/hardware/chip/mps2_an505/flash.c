/* SPDX-License-Identifier: Apache-2.0 */
/* NOR flash in the host's file flash.bin. */
#include "hal/flash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board_flash.h"
#include "hal/cpu.h"
#include "semihost.h"

#define SECTOR  OTA_BOOT_SECTOR
#define CUT_OFF 75 /* the exit status when power is switched off */

static ota_boot_t board = { .layout = OTA_LAYOUT_HAAS100 };

static int flash_file(void)
{
    static int file = -1;

    if (file < 0) {
        file = semihost_open("flash.bin", SEMIHOST_READ_WRITE);
        if (file < 0) {
            printf("flash: there is no flash.bin\n");
            hal_cpu_off(1);
        }
    }
    return file;
}

/* Writes and erases since power was switched on: no program's data lies there, and a restart keeps it. */
#define OPERATIONS  (*(volatile uint32_t *)0x381FFFF0u)
#define STARTS      (*(volatile uint32_t *)0x381FFFF4u)
#define MOST_STARTS 20u

static uint32_t operation_of(const char *argument)
{
    const char *word = semihost_argument(argument);

    return word != NULL ? strtoul(word, NULL, 10) : 0;
}

typedef enum { WORKS, POWER_ENDS, FAILS } outcome_t;

/* The N-th operation of the argument cut=N stops in the middle, with fail=N it does nothing, and says so. */
static outcome_t operation(void)
{
    static uint32_t last, failing;
    static int asked;

    if (!asked) {
        last = operation_of("cut");
        failing = operation_of("fail");
        asked = 1;
    }
    OPERATIONS++;
    return OPERATIONS == last ? POWER_ENDS : OPERATIONS == failing ? FAILS : WORKS;
}

static int flash_read(void *ctx, uint32_t address, void *buffer, uint32_t length)
{
    (void)ctx;
    return semihost_read(flash_file(), address, buffer, length);
}

static int flash_write(void *ctx, uint32_t address, const void *data, uint32_t length)
{
    static uint8_t block[SECTOR];
    outcome_t outcome = operation();
    int cut = outcome == POWER_ENDS;

    (void)ctx;
    if (outcome == FAILS || length > sizeof(block) || semihost_read(flash_file(), address, block, length) != 0) {
        return -1;
    }
    for (uint32_t i = 0; i < length; i++) {
        block[i] &= ((const uint8_t *)data)[i];
    }
    if (semihost_write(flash_file(), address, block, cut ? length / 2 : length) != 0) {
        return -1;
    }
    if (cut) {
        hal_cpu_off(CUT_OFF);
    }
    return 0;
}

static int flash_erase(void *ctx, uint32_t address)
{
    uint8_t erased[256];
    outcome_t outcome = operation();
    int cut = outcome == POWER_ENDS;

    (void)ctx;
    if (outcome == FAILS) {
        return -1;
    }
    memset(erased, 0xff, sizeof(erased));
    for (uint32_t done = 0; done < (cut ? SECTOR / 2 : SECTOR); done += sizeof(erased)) {
        if (semihost_write(flash_file(), address + done, erased, sizeof(erased)) != 0) {
            return -1;
        }
    }
    if (cut) {
        hal_cpu_off(CUT_OFF);
    }
    return 0;
}

int board_starts_again(void)
{
    if (semihost_argument("console") != NULL) {
        return 1;
    }
    return ++STARTS <= MOST_STARTS;
}

uint32_t board_flash_operations(void)
{
    return OPERATIONS;
}

static void boot_log(void *ctx, const char *what, int32_t value)
{
    (void)ctx;
    printf("boot: %s %ld\n", what, (long)value);
}

ota_boot_t *board_boot(void)
{
    board.flash.read = flash_read;
    board.flash.write = flash_write;
    board.flash.erase = flash_erase;
    board.log = boot_log;
    return &board;
}

/* The partitions that stay where they are. */
static const struct {
    uint32_t start, size;
} FIXED[HAL_PARTITION_COUNT] = {
    [HAL_PARTITION_KV] = { 0xFF1000, 0xD000 },
    [HAL_PARTITION_FS] = { 0xB32000, 0x4AE000 },
};

/* Where a partition stands; 0 when the bytes are not all in it. */
static uint32_t address_of(hal_partition_t partition, uint32_t offset, uint32_t length)
{
    static int running = -1;
    uint32_t size = hal_flash_size(partition);

    if (offset > size || length > size - offset) {
        return 0;
    }
    if (partition != HAL_PARTITION_OTA) {
        return FIXED[partition].start + offset;
    }
    if (running < 0) {
        ota_boot_state_t state;

        if (ota_boot_read_state(board_boot(), &state) != 0) {
            return 0;
        }
        running = (int)state.bank;
    }
    return board.layout.bank[!running] + offset;
}

uint32_t hal_flash_size(hal_partition_t partition)
{
    return partition == HAL_PARTITION_OTA ? board.layout.bank_size
           : partition < HAL_PARTITION_COUNT ? FIXED[partition].size : 0;
}

int hal_flash_read(hal_partition_t partition, uint32_t offset, void *buffer, uint32_t length)
{
    uint32_t address = address_of(partition, offset, length);

    return address != 0 ? flash_read(NULL, address, buffer, length) : -1;
}

int hal_flash_write(hal_partition_t partition, uint32_t offset, const void *data, uint32_t length)
{
    uint32_t address = address_of(partition, offset, length);

    return address != 0 ? flash_write(NULL, address, data, length) : -1;
}

int hal_flash_erase(hal_partition_t partition, uint32_t offset, uint32_t length)
{
    uint32_t address = address_of(partition, offset, length);

    if (address == 0 || offset % SECTOR != 0) {
        return -1;
    }
    for (uint32_t done = 0; done < length; done += SECTOR) {
        if (flash_erase(NULL, address + done) != 0) {
            return -1;
        }
    }
    return 0;
}
