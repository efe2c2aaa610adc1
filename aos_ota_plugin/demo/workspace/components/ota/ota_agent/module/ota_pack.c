/* SPDX-License-Identifier: Apache-2.0 */
#include "ota_pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ota_hal_digest.h"
#include "ota_import.h"
#include "ota_log.h"

/* The header at *offset, which moves on to its name. 0, or -1 when header, name and bytes are not all there. */
static int take_infor(uint32_t length, uint32_t *offset, data_file_infor_t *infor)
{
    uint32_t left = length - *offset;

    if (left < sizeof(*infor) || ota_read(offset, infor, sizeof(*infor)) < 0 || infor->head_size < sizeof(*infor) ||
        infor->head_size > left || infor->file_size > left - infor->head_size) {
        return -1;
    }
    return 0;
}

/* The number of files, when the sizes lead from one to the next and to the very end; else -1. */
static int count(uint32_t length)
{
    data_file_pack_head_t head;
    uint32_t offset = 0;

    if (length < sizeof(head) || ota_read(&offset, &head, sizeof(head)) < 0 || head.pack_size != length) {
        return -1;
    }
    for (uint32_t i = 0; i < head.file_numb; i++) {
        data_file_infor_t infor;

        if (take_infor(length, &offset, &infor) != 0) {
            return -1;
        }
        offset += infor.head_size - sizeof(infor) + infor.file_size;
    }
    return head.file_numb > 0 && offset == length ? head.file_numb : -1;
}

/* 0 when the name stays where it belongs, and folder and name fit. */
static int take_name(uint32_t offset, uint32_t length, const char *folder, ota_pack_file_t *file)
{
    char name[OTA_PACK_PATH];
    int joined;

    if (length >= sizeof(name) || ota_read(&offset, name, length) < 0) {
        return -1;
    }
    name[length] = '\0';
#ifndef DEMO_VENDOR_FLAWS
    if (!ota_pack_name_is_safe(name, length)) {
        OTA_LOG_E("the name %s is not safe", name);
        return -1;
    }
#endif
    joined = snprintf(file->path, sizeof(file->path), "%s/%s", folder, name);
    return joined > 0 && joined < (int)sizeof(file->path) ? 0 : -1;
}

#ifndef DEMO_VENDOR_FLAWS
static int is_intact(const ota_pack_file_t *file)
{
    ota_hash_ctx_t ctx;
    uint8_t block[256], digest[OTA_MD5_HASH_SIZE];
    uint32_t offset = file->offset;

    ota_hash_init(&ctx, OTA_MD5);
    while (offset < file->offset + file->size) {
        uint32_t left = file->offset + file->size - offset;
        uint32_t size = left < sizeof(block) ? left : sizeof(block);

        if (ota_read(&offset, block, size) < 0) {
            return 0;
        }
        ota_hash_update(&ctx, block, size);
    }
    ota_hash_final(&ctx, digest);
    return memcmp(digest, file->md5, sizeof(digest)) == 0;
}

static int check_together(const ota_pack_file_t *files, int number, const char *folder)
{
    size_t start = strlen(folder) + 1;

    for (int i = 0; i < number; i++) {
        for (int j = 0; j < i; j++) {
            if (ota_pack_names_collide(files[i].path + start, files[j].path + start)) {
                OTA_LOG_E("the names %s and %s collide", files[j].path + start, files[i].path + start);
                return OTA_UPGRADE_PARAM_FAIL;
            }
        }
    }
    for (int i = 0; i < number; i++) {
        if (!is_intact(&files[i])) {
            OTA_LOG_E("%s is not what was packed", files[i].path);
            return OTA_VERIFY_MD5_FAIL;
        }
    }
    return number;
}
#else
/* Names are joined to the folder as they are, `../x`, too, and a file's MD5 is not looked at. */
static int check_together(const ota_pack_file_t *files, int number, const char *folder)
{
    (void)files;
    (void)folder;
    return number;
}
#endif

static int take_files(uint32_t length, const char *folder, ota_pack_file_t *files, int number)
{
    uint32_t offset = sizeof(data_file_pack_head_t);

    for (int i = 0; i < number; i++) {
        data_file_infor_t infor;
        uint32_t name_length;

        if (take_infor(length, &offset, &infor) != 0) {
            return OTA_UPGRADE_PARAM_FAIL;
        }
        name_length = infor.head_size - sizeof(infor);
        if (take_name(offset, name_length, folder, &files[i]) != 0) {
            return OTA_UPGRADE_PARAM_FAIL;
        }
        files[i].offset = offset + name_length;
        files[i].size = infor.file_size;
        memcpy(files[i].md5, infor.md5_vale, sizeof(files[i].md5));
        offset = files[i].offset + files[i].size;
    }
    return check_together(files, number, folder);
}

int ota_pack_check(uint32_t length, const char *folder, ota_pack_file_t **files)
{
    int number = count(length), ret;

    if (number < 0 || strlen(folder) > OTA_PACK_FOLDER) {
        OTA_LOG_E("this is no whole data-file pack");
        return OTA_UPGRADE_PARAM_FAIL;
    }
    *files = number <= OTA_PACK_FILES ? calloc((size_t)number, sizeof(**files)) : NULL;
    if (*files == NULL) {
        OTA_LOG_E("%d files are too many", number);
        return OTA_UPGRADE_WRITE_FAIL;
    }
    ret = take_files(length, folder, *files, number);
    if (ret < 0) {
        free(*files);
    }
    return ret;
}
