/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot stage's part of an upgrade. It decides which of two banks is started, and before that applies the upgrade
 * that the agent asked for.
 *
 * The firmware that runs stands in one bank, the active one; the other bank is the OTA partition, into which the agent
 * downloads. What an upgrade does depends on the file's kind:
 *
 *   OTA_UPGRADE_ALL   The image stands at the start of the OTA partition: that bank becomes the active one. The old
 *                     version stays whole in the other.
 *   OTA_UPGRADE_XZ    An xz stream (LZMA2, dictionary up to 32 KiB, CRC32 or no check), unpacked over the active bank, as
 *                     devices do. It is unpacked once for checking before the first sector is erased; power lost after
 *                     that starts the unpacking anew, until the new version is whole.
 *                     Where file_off leaves room for the unpacked image before the file, it is unpacked to the start of
 *                     the OTA partition instead and that bank becomes the active one, as with OTA_UPGRADE_ALL.
 *   OTA_UPGRADE_DIFF  Sections of a diff, each three xz streams (dictionary up to 16 KiB), applied over the active bank one
 *                     after another. A rebuilt section is kept in the last journal_size bytes of the OTA partition, then
 *                     copied. Every stream is checked before anything is overwritten, and each section's CRC-16 before
 *                     it is copied; that the base differs only further on is found when its first sections are
 *                     overwritten. A device in that state starts nothing: it needs a new firmware through the serial menu.
 *
 * A new version counts its starts until it calls ota_boot_confirm. After three without, the old version is started again
 * where it still stands: not after a diff, nor after an xz unpacked over it. Confirm before the next download, which
 * overwrites the old version.
 *
 * Whatever flash operation power is lost at, the next ota_boot_run goes on, and the device ends on the old version or the
 * new one, whole. After a flash error a call of ota_boot_run goes on where the last one stopped.
 * With OTA_BOOT_VENDOR_FAULTS defined, diffs have the two faults of the vendor's boot stage: power lost while the last
 * section is copied leaves it half copied, with success reported; a flash error makes the next start begin with
 * section 0, on flash that has changed.
 *
 * Needs memcpy, memset and memcmp. A little-endian machine. One thread. No memory but the caller's: about 2 KiB of
 * stack and the arena.
 */
#ifndef OTA_BOOT_H
#define OTA_BOOT_H

#include <stdint.h>

#define OTA_BOOT_SECTOR 0x1000u /* bytes that one erase clears; banks and parameters start at multiples of it */

/* Bytes of arena that an xz and a diff upgrade need; whole images need none. */
#define OTA_BOOT_XZ_DICT    (32u * 1024u)
#define OTA_BOOT_DIFF_DICT  (16u * 1024u)
#define OTA_BOOT_ARENA_XZ   (OTA_BOOT_SECTOR + OTA_BOOT_XZ_DICT + 30u * 1024u)
#define OTA_BOOT_ARENA_DIFF (OTA_BOOT_SECTOR + 1024u + 3u * (OTA_BOOT_DIFF_DICT + 30u * 1024u))

#define OTA_BOOT_ATTEMPTS 3 /* starts of a new version without confirmation; failures of an upgrade that harmed nothing */

/* What kind of file an upgrade is, as the agent calls it. */
#define OTA_UPGRADE_ALL  0x9669
#define OTA_UPGRADE_XZ   0xA55A
#define OTA_UPGRADE_DIFF 0xB44B

/* The device's names and numbers; from -40, our own. */
typedef enum {
    OTA_UPDATER_OK = 0,
    OTA_NB_INVALID_PARAM = -1,   /* the file does not lie in the partition's part for diffs */
    OTA_NB_HEADER_FAIL = -2,     /* a section's header, or bytes behind the last section */
    OTA_NB_MEMORY_FAIL = -3,     /* a section over journal_size; an arena that is too small */
    OTA_NB_READ_CTRL_FAIL = -4,  /* the control stream, or triples that do not make the section */
    OTA_NB_READ_DIFF_FAIL = -5,  /* the diff stream */
    OTA_NB_READ_OLD_FAIL = -6,   /* a triple outside the active bank; flash that is not read */
    OTA_NB_READ_EXTRA_FAIL = -7, /* the extra stream */
    OTA_NB_WRITE_DATA_FAIL = -8, /* flash that is not written, or a result larger than the bank */
    OTA_NB_CRC_COMP_FAIL = -9,   /* a section's CRC-16: the base is another one; or the file's */
    OTA_XZ_PARAM_FAIL = -10,     /* the file does not lie in the partition; an image larger than the bank */
    OTA_XZ_CRC_FAIL = -11,       /* the file is not the one that was checked */
    OTA_XZ_UNCOMP_FAIL = -12,    /* flash that is not written or read */
    OTA_XZ_VERIFY_FAIL = -13,    /* no xz stream, a damaged one, or one with other filters or checks */
    OTA_XZ_MEM_FAIL = -14,       /* a dictionary over the limit, or an arena that is too small */
    OTA_IMAGE_CRC_FAIL = -17,    /* the image is not the one that was checked */
    OTA_IMAGE_COPY_FAIL = -18,   /* the image is not at the partition's start, or is larger; flash that is not read */
    OTA_BOOT_PARAM_FAIL = -40,   /* the parameters are not read or written; a layout that is none */
    OTA_BOOT_REQUEST_FAIL = -41, /* a request that says nothing, or of a kind that nobody knows */
    OTA_BOOT_UNCONFIRMED = -42,  /* the running version is on trial */
    OTA_BOOT_ROLLED_BACK = -43,  /* the new version did not confirm itself: the old one was started again */
} OTA_UPDATER_E;

/* Flash, addressed from its start, in bytes. Each returns 0, or anything else for failure. */
typedef struct {
    int (*read)(void *ctx, uint32_t address, void *buffer, uint32_t length);
    int (*write)(void *ctx, uint32_t address, const void *data, uint32_t length); /* erased bytes of one sector */
    int (*erase)(void *ctx, uint32_t address);                                    /* the sector that starts there */
    void *ctx;
} ota_flash_t;

/* Where things stand in flash: addresses and sizes in bytes, all of them multiples of OTA_BOOT_SECTOR. */
typedef struct {
    uint32_t bank[2];      /* RTOSA, RTOSB */
    uint32_t bank_size;    /* of each */
    uint32_t parameter[2]; /* two sectors, one copy of the parameters each */
    uint32_t journal_size; /* at the end of the OTA partition: the largest section of a diff */
} ota_layout_t;

/* HaaS100's banks; the parameters between littlefs and KV, where its partition table has nothing. */
#define OTA_LAYOUT_HAAS100 { { 0x2A000, 0x5BA000 }, 0x578000, { 0xFE0000, 0xFE1000 }, 0x40000 }

typedef struct {
    ota_flash_t flash;
    ota_layout_t layout;
    void *arena; /* aligned to 8 bytes; contents do not outlast a call */
    uint32_t arena_size;
    void (*log)(void *ctx, const char *what, int32_t value); /* may be NULL; prints "what value" */
    void *log_ctx;
    /* Out: */
    uint32_t arena_peak; /* bytes of arena used at most, over all calls; starts at what the caller puts here */
} ota_boot_t;

/* What an upgrade is. Offsets count from the start of the OTA partition. */
typedef struct {
    uint16_t upg_flag; /* OTA_UPGRADE_… */
    uint16_t crc;      /* CRC-16/XMODEM of the file's bytes */
    uint32_t file_off; /* 0 for whole images */
    uint32_t len;      /* bytes of the file; with OTA_UPGRADE_XZ, what follows the stream (a trailer) is not decoded */
    char ver[64];      /* the new version, ended by a zero byte */
} ota_boot_request_t;

/* The boot parameters, as they stand in flash. */
typedef struct {
    uint32_t magic;
    uint32_t sequence;
    uint32_t bank;         /* the active one: 0 A, 1 B */
    uint32_t boot_count;   /* starts of a version on trial, at most OTA_BOOT_ATTEMPTS */
    uint32_t trial;        /* 1: the active version has not been confirmed */
    uint32_t rollback;     /* 1: while on trial, the old version stands in the other bank */
    int32_t result;        /* of the last upgrade: one of OTA_UPDATER_E */
    uint32_t attempts;     /* failures of the upgrade under way */
    uint32_t patch_status; /* 1: the target is being overwritten */
    uint32_t target;       /* bank that the upgrade under way writes to */
    uint32_t patch_off;    /* diff: bytes of the file that are rebuilt */
    uint32_t new_off;      /* diff: bytes that are copied */
    uint32_t new_size;     /* diff: bytes of the section that waits in the journal */
    char ver[64];          /* the active version; empty: the one from the factory */
    char old_ver[64];      /* the version before */
    ota_boot_request_t request; /* upg_flag 0: none */
    uint32_t crc;          /* CRC-32 of all before */
} ota_boot_state_t;

/*
 * Do what there is to do, and say which bank to start: 0 or 1. A negative number, one of OTA_UPDATER_E, means that
 * nothing may be started now: restart, which tries again. An upgrade that fails before it has overwritten anything is
 * forgotten, at once or (flash errors) after OTA_BOOT_ATTEMPTS runs, and the old version started; why, is in result.
 */
int ota_boot_run(ota_boot_t *boot);

/*
 * For the agent: have the next ota_boot_run apply this upgrade, in place of one that has not begun. 0;
 * OTA_BOOT_REQUEST_FAIL; OTA_BOOT_UNCONFIRMED; OTA_BOOT_PARAM_FAIL; or what says that the file is out of place. Then
 * nothing has changed. Power lost meanwhile: it is asked for, or it is not.
 */
int ota_boot_request(ota_boot_t *boot, const ota_boot_request_t *request);

/* For the agent, when the new version works: stop counting. 0 or OTA_BOOT_PARAM_FAIL. */
int ota_boot_confirm(ota_boot_t *boot);

/* What the parameters say. With two bad copies: bank A, nothing to do. 0 or OTA_BOOT_PARAM_FAIL. */
int ota_boot_read_state(ota_boot_t *boot, ota_boot_state_t *state);

/* CRC-16/XMODEM of bytes of the OTA partition, for a request. 0 or OTA_BOOT_PARAM_FAIL. */
int ota_boot_file_crc(ota_boot_t *boot, uint32_t file_off, uint32_t len, uint16_t *crc);

#endif
