/* SPDX-License-Identifier: Apache-2.0 */
/* A data-file pack, as it stands at the start of the OTA partition. */
#ifndef OTA_PACK_H
#define OTA_PACK_H

#include <stddef.h>
#include <stdint.h>

#define OTA_PACK_PATH     128 /* bytes of folder, slash, name and zero byte */
#define OTA_PACK_FOLDER   64
#define OTA_PACK_NAME_MAX (OTA_PACK_PATH - OTA_PACK_FOLDER - 2)
#define OTA_PACK_FILES    1024 /* no more than these are unpacked */

/* Little-endian, both. */
typedef struct {
    uint16_t file_numb;
    uint16_t pack_ver;
    uint32_t pack_size; /* of the whole file */
} data_file_pack_head_t;

typedef struct {
    uint32_t head_size; /* of this and the name behind it */
    uint32_t file_size;
    uint8_t md5_vale[16];
} data_file_infor_t;

_Static_assert(sizeof(data_file_pack_head_t) == 8, "data_file_pack_head_t stands in the pack as it is");
_Static_assert(sizeof(data_file_infor_t) == 24, "data_file_infor_t stands in the pack as it is");

/* One of a pack's files; its bytes begin at offset. */
typedef struct {
    char path[OTA_PACK_PATH];
    uint32_t offset;
    uint32_t size;
    uint8_t md5[16];
} ota_pack_file_t;

/*
 * Look at all of a pack of `length` bytes that is to be unpacked into the folder. *files is the caller's to free.
 * The number of files; OTA_UPGRADE_PARAM_FAIL: it is no whole pack, or a name leads elsewhere; OTA_VERIFY_MD5_FAIL: a
 * file's bytes are not those it was packed with; OTA_UPGRADE_WRITE_FAIL: more files than OTA_PACK_FILES, or no memory.
 */
int ota_pack_check(uint32_t length, const char *folder, ota_pack_file_t **files);

/* Whether a name of so many bytes is safe. */
int ota_pack_name_is_safe(const char *name, size_t length);

/* Whether two safe names are one file, or a file and a folder, or one folder in two spellings, where case is ignored (of ASCII). */
int ota_pack_names_collide(const char *one, const char *other);

#endif
