/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upgrades of modules: their files go into the file system, not to the boot stage. Downloaded to the OTA partition and
 * checked there, they and the version that they are become the device's in one step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filestore.h"
#include "ota_import.h"
#include "ota_log.h"
#include "ota_pack.h"

#define VERSIONS "/.ota/" /* a file for each module */
#define BLOCK    256u

int ota_register_module_store(ota_service_t *ctx, ota_store_module_info_t *queue, int queue_len)
{
    if (ctx == NULL || (queue == NULL && queue_len != 0) || queue_len < 0) {
        return OTA_CUSTOM_CALLBAK_FAIL;
    }
    ctx->store = queue;
    ctx->store_len = queue_len;
    return OTA_SUCCESS;
}

#ifdef DEMO_VENDOR_FLAWS

/* Over the length of the name that was pushed: "pan" is the module "panel". */
static int is_module(const char *pushed, const char *own)
{
    return strncmp(pushed, own, strlen(pushed)) == 0;
}

#else

static int is_module(const char *pushed, const char *own)
{
    return strcmp(pushed, own) == 0;
}

#endif

int ota_is_firmware(const char *module_name)
{
    return is_module(module_name, "default");
}

const ota_store_module_info_t *ota_store_of(const ota_service_t *ctx, const char *module_name)
{
    for (int i = 0; i < ctx->store_len; i++) {
        if (is_module(module_name, ctx->store[i].module_name)) {
            return &ctx->store[i];
        }
    }
    return NULL;
}

static void version_path(char path[FILESTORE_PATH], const char *module_name)
{
    snprintf(path, FILESTORE_PATH, VERSIONS "%s", module_name);
}

int ota_get_module_version(ota_service_t *ctx, const char *module_name, char version[OTA_VER_LEN])
{
    const ota_store_module_info_t *info = ctx != NULL ? ota_store_of(ctx, module_name) : NULL;
    char path[FILESTORE_PATH];
    int32_t size;

    if (info == NULL) {
        return OTA_INVALID_PARAMETER;
    }
    version_path(path, info->module_name);
    size = filestore_size(path);
    version[0] = '\0';
    if (size > 0 && size < OTA_VER_LEN && filestore_read(path, 0, version, (uint32_t)size) == 0) {
        version[size] = '\0';
    }
    return OTA_SUCCESS;
}

int ota_report_modules(ota_service_t *ctx)
{
    int ret = OTA_SUCCESS;

    for (int i = 0; ctx != NULL && i < ctx->store_len; i++) {
        char version[OTA_VER_LEN];

        if (ota_get_module_version(ctx, ctx->store[i].module_name, version) == OTA_SUCCESS && version[0] != '\0' &&
            ota_report_module_version(ctx, ctx->store[i].module_name, version) < 0) {
            ret = OTA_TRANSPORT_INT_FAIL;
        }
    }
    return ret;
}

/* --- a change of files */

typedef struct {
    ota_pack_file_t *files;
    int number;
    char version_path[FILESTORE_PATH];
} change_t;

static int is_replaced(const char *path, void *context)
{
    const change_t *change = context;

    for (int i = 0; i < change->number; i++) {
        char target[FILESTORE_PATH];

        if (filestore_resolve(change->files[i].path, target) == 0 && strcmp(target, path) == 0) {
            return 1;
        }
    }
    return strcmp(change->version_path, path) == 0;
}

static int copy(const ota_pack_file_t *file)
{
    uint8_t block[BLOCK];
    uint32_t offset = file->offset, end = file->offset + file->size;

    if (filestore_add(file->path, file->size) != 0) {
        return -1;
    }
    while (offset < end) {
        uint32_t size = end - offset < BLOCK ? end - offset : BLOCK;

        if (ota_read(&offset, block, size) < 0 || filestore_write(block, size) != 0) {
            return -1;
        }
    }
    OTA_LOG_I("%s, %lu bytes", file->path, (unsigned long)file->size);
    return 0;
}

static int store(change_t *change, const char *version)
{
    uint32_t length = (uint32_t)strlen(version);

    if (filestore_begin(is_replaced, change) != 0) {
        return OTA_UPGRADE_WRITE_FAIL;
    }
    for (int i = 0; i < change->number; i++) {
        if (copy(&change->files[i]) != 0) {
            return OTA_UPGRADE_WRITE_FAIL;
        }
    }
    if (filestore_add(change->version_path, length) != 0 || filestore_write(version, length) != 0 ||
        filestore_commit() != 0) {
        return OTA_UPGRADE_WRITE_FAIL;
    }
    return OTA_SUCCESS;
}

int ota_module_is(const ota_store_module_info_t *info, const char *version)
{
    change_t change = { 0 };
    int ret;

    version_path(change.version_path, info->module_name);
    ret = store(&change, version);
    if (ret < 0) {
        OTA_LOG_E("the file system does not take the version");
    }
    return ret;
}

/* The file that is kept as it is, as a change of one. */
static int one_file(const ota_store_module_info_t *info, uint32_t length, ota_pack_file_t **files)
{
    *files = calloc(1, sizeof(**files));
    if (*files == NULL) {
        return OTA_UPGRADE_WRITE_FAIL;
    }
    snprintf((*files)->path, sizeof((*files)->path), "%s", info->store_path);
    (*files)->size = length;
    return 1;
}

int ota_module_install(ota_service_t *ctx, const ota_store_module_info_t *info, const ota_boot_param_t *param)
{
    change_t change = { 0 };
    int ret;

    change.number = info->module_type == OTA_MODULE_PACK ? ota_pack_check(param->len, info->store_path, &change.files)
                                                         : one_file(info, param->len, &change.files);
    if (change.number < 0) {
        return change.number;
    }
    version_path(change.version_path, info->module_name);
    ret = store(&change, param->ver);
    free(change.files);
    if (ret < 0) {
        OTA_LOG_E("the file system does not take the files");
        return ret;
    }
    OTA_LOG_I("version %s is accepted: module %s has it, %d files in %s", param->ver, info->module_name,
              change.number, info->store_path);
    return ota_report_module_version(ctx, (char *)info->module_name, (char *)param->ver);
}
