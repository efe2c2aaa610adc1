/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The partition has two halves with a set of files each; the newer whole one counts. A half begins with a sector for the
 * head, which is written last. Then come the files: length of the path (2 bytes), 2 bytes of 0, size (4 bytes), path
 * (without a zero byte), content. All numbers are little-endian.
 */
#include "filestore.h"

#include <stddef.h>
#include <string.h>

#include "hal/flash.h"

#define SECTOR     0x1000u
#define SET_MAGIC  0x54455346u /* "FSET" */
#define READ_BLOCK 256u

typedef struct {
    uint32_t magic;
    uint32_t sequence;
    uint32_t length;   /* bytes of all files with their records */
    uint32_t data_crc; /* CRC-32 of them */
    uint32_t crc;      /* CRC-32 of the head before it */
} set_head_t;

typedef struct {
    uint16_t path_length;
    uint16_t zero;
    uint32_t size;
} record_t;

/* A file as it stands in a half; offsets count from the half's first file. */
typedef struct {
    char path[FILESTORE_PATH];
    uint32_t content;
    uint32_t size;
} entry_t;

static set_head_t current; /* sequence 0: there are no files */
static int current_half;
static int mounted;

/* The change under way. */
static uint8_t sector[SECTOR];
static uint32_t written; /* bytes, those in the sector, too */
static uint32_t missing; /* bytes of the file that was added last */
static uint32_t crc;
static int changing;

static uint32_t crc32(uint32_t value, const void *data, uint32_t length)
{
    const uint8_t *byte = data;

    value = ~value;
    while (length-- > 0) {
        value ^= *byte++;
        for (int bit = 0; bit < 8; bit++) {
            value = value >> 1 ^ (0xEDB88320u & -(value & 1u));
        }
    }
    return ~value;
}

static uint32_t half_size(void)
{
    return hal_flash_size(HAL_PARTITION_FS) / 2 / SECTOR * SECTOR;
}

static uint32_t room(void)
{
    return half_size() > SECTOR ? half_size() - SECTOR : 0;
}

static int half_read(int half, uint32_t offset, void *buffer, uint32_t length)
{
    return hal_flash_read(HAL_PARTITION_FS, (uint32_t)half * half_size() + SECTOR + offset, buffer, length);
}

static int is_whole(int half, const set_head_t *head)
{
    uint8_t block[READ_BLOCK];
    uint32_t value = 0;

    if (head->magic != SET_MAGIC || head->crc != crc32(0, head, offsetof(set_head_t, crc)) || head->length > room()) {
        return 0;
    }
    for (uint32_t done = 0; done < head->length;) {
        uint32_t size = head->length - done < READ_BLOCK ? head->length - done : READ_BLOCK;

        if (half_read(half, done, block, size) != 0) {
            return 0;
        }
        value = crc32(value, block, size);
        done += size;
    }
    return value == head->data_crc;
}

static void mount(void)
{
    if (mounted) {
        return;
    }
    memset(&current, 0, sizeof(current));
    for (int half = 0; half < 2; half++) {
        set_head_t head;

        if (hal_flash_read(HAL_PARTITION_FS, (uint32_t)half * half_size(), &head, sizeof(head)) == 0 &&
            is_whole(half, &head) && (current.sequence == 0 || (int32_t)(head.sequence - current.sequence) > 0)) {
            current = head;
            current_half = half;
        }
    }
    mounted = 1;
}

/* The file at *offset, which moves on to the next one. 0, or -1 at the end. */
static int next(uint32_t *offset, entry_t *entry)
{
    record_t record;
    uint32_t left = current.length - *offset;

    if (left < sizeof(record) || half_read(current_half, *offset, &record, sizeof(record)) != 0 ||
        record.path_length >= sizeof(entry->path) || record.size > left ||
        sizeof(record) + record.path_length + record.size > left ||
        half_read(current_half, *offset + sizeof(record), entry->path, record.path_length) != 0) {
        return -1;
    }
    entry->path[record.path_length] = '\0';
    entry->content = *offset + sizeof(record) + record.path_length;
    entry->size = record.size;
    *offset = entry->content + entry->size;
    return 0;
}

static int find(const char *path, entry_t *entry)
{
    char target[FILESTORE_PATH];
    uint32_t offset = 0;

    mount();
    if (filestore_resolve(path, target) != 0) {
        return -1;
    }
    while (next(&offset, entry) == 0) {
        if (strcmp(entry->path, target) == 0) {
            return 0;
        }
    }
    return -1;
}

int32_t filestore_size(const char *path)
{
    entry_t entry;

    return find(path, &entry) == 0 ? (int32_t)entry.size : -1;
}

int filestore_read(const char *path, uint32_t offset, void *buffer, uint32_t length)
{
    entry_t entry;

    if (find(path, &entry) != 0 || offset > entry.size || length > entry.size - offset) {
        return -1;
    }
    return half_read(current_half, entry.content + offset, buffer, length);
}

int filestore_resolve(const char *path, char target[FILESTORE_PATH])
{
    uint32_t length = 0;

    while (*path != '\0') {
        uint32_t part = (uint32_t)strcspn(path, "/");

        if (part == 2 && memcmp(path, "..", 2) == 0) {
            if (length == 0) {
                return -1;
            }
            while (target[--length] != '/') {
            }
        } else if (part > 0 && !(part == 1 && *path == '.')) {
            if (part + 1 >= FILESTORE_PATH - length) {
                return -1;
            }
            target[length++] = '/';
            memcpy(target + length, path, part);
            length += part;
        }
        path += part + (path[part] == '/');
    }
    target[length] = '\0';
    return length > 0 ? 0 : -1;
}

/* --- a change */

static uint32_t target_start(void)
{
    return (uint32_t)(current.sequence != 0 ? !current_half : 0) * half_size();
}

static int flush(uint32_t length)
{
    uint32_t place = target_start() + SECTOR + (written - length);

    return hal_flash_erase(HAL_PARTITION_FS, place, SECTOR) == 0
               ? hal_flash_write(HAL_PARTITION_FS, place, sector, length)
               : -1;
}

static int append(const void *data, uint32_t length)
{
    const uint8_t *from = data;

    if (!changing || length > room() - written) {
        return changing = 0, -1;
    }
    crc = crc32(crc, data, length);
    while (length > 0) {
        uint32_t used = written % SECTOR;
        uint32_t size = length < SECTOR - used ? length : SECTOR - used;

        memcpy(sector + used, from, size);
        from += size;
        written += size;
        length -= size;
        if (written % SECTOR == 0 && flush(SECTOR) != 0) {
            return changing = 0, -1;
        }
    }
    return 0;
}

static int begin_file(const char *path, uint32_t size)
{
    record_t record = { .path_length = (uint16_t)strlen(path), .size = size };

    if (missing != 0 || append(&record, sizeof(record)) != 0 || append(path, record.path_length) != 0) {
        return changing = 0, -1;
    }
    missing = size;
    return 0;
}

static int keep(const entry_t *entry)
{
    uint8_t block[READ_BLOCK];

    if (begin_file(entry->path, entry->size) != 0) {
        return -1;
    }
    for (uint32_t done = 0; done < entry->size;) {
        uint32_t size = entry->size - done < READ_BLOCK ? entry->size - done : READ_BLOCK;

        if (half_read(current_half, entry->content + done, block, size) != 0 || filestore_write(block, size) != 0) {
            return changing = 0, -1;
        }
        done += size;
    }
    return 0;
}

int filestore_begin(int (*replaced)(const char *path, void *context), void *context)
{
    uint32_t offset = 0;
    entry_t entry;

    mount();
    written = missing = crc = 0;
    changing = hal_flash_erase(HAL_PARTITION_FS, target_start(), SECTOR) == 0;
    while (changing && next(&offset, &entry) == 0) {
        if (!replaced(entry.path, context)) {
            keep(&entry);
        }
    }
    return changing ? 0 : -1;
}

int filestore_add(const char *path, uint32_t size)
{
    char target[FILESTORE_PATH];

    return changing && filestore_resolve(path, target) == 0 ? begin_file(target, size) : (changing = 0, -1);
}

int filestore_write(const void *data, uint32_t length)
{
    if (length > missing || append(data, length) != 0) {
        return changing = 0, -1;
    }
    missing -= length;
    return 0;
}

int filestore_commit(void)
{
    set_head_t head = { .magic = SET_MAGIC, .sequence = current.sequence + 1, .length = written, .data_crc = crc };

    if (!changing || missing != 0 || (written % SECTOR != 0 && flush(written % SECTOR) != 0)) {
        return changing = 0, -1;
    }
    changing = 0;
    head.sequence += head.sequence == 0;
    head.crc = crc32(0, &head, offsetof(set_head_t, crc));
    if (hal_flash_write(HAL_PARTITION_FS, target_start(), &head, sizeof(head)) != 0) {
        return -1;
    }
    mounted = 0;
    mount();
    return current.sequence == head.sequence ? 0 : -1;
}
