/* The demo's service of custom modules with a file system, a network and a partition of the test's own. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "filestore.h"
#include "ota_import.h"
#include "ota_pack.h"
#include "ulog/ulog.h"

static const char FILE_BYTES[600] = "what the platform sent";
static int verified, written_status, length_status, fails_at_commit;
static char kept_path[FILESTORE_PATH], kept[1024];
static uint32_t kept_size;
static char new_path[FILESTORE_PATH], pending[1024];
static uint32_t pending_size;

void ulog(aos_log_level_t level, const char *module, const char *format, ...)
{
    (void)level, (void)module, (void)format;
}

/* --- the file system: one file */

int filestore_begin(int (*replaced)(const char *path, void *context), void *context)
{
    assert(!replaced("/data/other.bin", context));
    assert(replaced("/data/module1.bin", context));
    pending_size = 0;
    return 0;
}

int filestore_add(const char *path, uint32_t size)
{
    strcpy(new_path, path);
    return size <= sizeof(pending) ? 0 : -1;
}

int filestore_write(const void *data, uint32_t length)
{
    memcpy(pending + pending_size, data, length);
    pending_size += length;
    return 0;
}

int filestore_commit(void)
{
    if (fails_at_commit) {
        return -1;
    }
    strcpy(kept_path, new_path);
    memcpy(kept, pending, pending_size);
    kept_size = pending_size;
    return 0;
}

int filestore_resolve(const char *path, char target[FILESTORE_PATH])
{
    strcpy(target, path);
    return 0;
}

int32_t filestore_size(const char *path)
{
    (void)path;
    return -1;
}

int filestore_read(const char *path, uint32_t offset, void *buffer, uint32_t length)
{
    (void)path, (void)offset, (void)buffer, (void)length;
    return -1;
}

/* --- the rest of the component */

int ota_read_parameter(ota_boot_param_t *param)
{
    memset(param, 0, sizeof(*param));
    param->len = sizeof(FILE_BYTES);
    return OTA_SUCCESS;
}

int ota_file_length(const char *url, uint32_t size, uint32_t *length)
{
    (void)url;
    *length = size;
    return size == sizeof(FILE_BYTES) ? length_status : OTA_DOWNLOAD_HEAD_FAIL;
}

uint32_t ota_partition_size(void)
{
    return sizeof(FILE_BYTES);
}

int ota_download_file(const ota_boot_param_t *param, uint32_t length, uint32_t room, report_func report,
                      void *report_param)
{
    assert(param->len == length && length <= room);
    report(report_param, 100);
    return OTA_SUCCESS;
}

int ota_read(uint32_t *offset, void *buffer, uint32_t length)
{
    memcpy(buffer, FILE_BYTES + *offset, length);
    *offset += length;
    return OTA_SUCCESS;
}

int ota_verify_file(const ota_boot_param_t *param, uint32_t length)
{
    assert(param->len == length);
    return verified;
}

int ota_report_module_version(void *ota_ctx, char *module_name, char *version)
{
    (void)ota_ctx, (void)module_name, (void)version;
    return OTA_SUCCESS;
}

int ota_pack_check(uint32_t length, const char *folder, ota_pack_file_t **files)
{
    (void)length, (void)folder, (void)files;
    return OTA_UPGRADE_PARAM_FAIL;
}

static int on_status(void *param, int status)
{
    assert(param == &written_status);
    written_status = status;
    return 0;
}

int main(void)
{
    ota_store_module_info_t list[2] = { 0 }, info;
    ota_service_t service = { 0 };
    char long_name[34], *name = "module1", *path = "/data/module1.bin";

    /* Registering: in order, until the list is full; nothing is cut. */
    assert(ota_set_module_information(&service, name, path, OTA_UPGRADE_CUST) == OTA_CUSTOM_CALLBAK_FAIL);
    assert(ota_register_module_store(&service, list, 2) == OTA_SUCCESS);
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert(ota_set_module_information(&service, long_name, path, OTA_UPGRADE_CUST) == OTA_CUSTOM_CALLBAK_FAIL);
    assert(list[0].module_type == 0 && list[0].module_name[0] == '\0');
    assert(ota_set_module_information(&service, name, path, OTA_UPGRADE_CUST) == OTA_SUCCESS);
    assert(ota_set_module_information(&service, "module2", "/data/2", OTA_UPGRADE_CUST) == OTA_SUCCESS);
    assert(ota_set_module_information(&service, "module3", "/data/3", OTA_UPGRADE_CUST) == OTA_CUSTOM_CALLBAK_FAIL);
    assert(ota_get_module_information(&service, "module", &info) == OTA_CUSTOM_CALLBAK_FAIL);
    assert(ota_get_module_information(&service, name, &info) == OTA_SUCCESS);
    assert(strcmp(info.store_path, path) == 0 && info.module_type == OTA_UPGRADE_CUST);

    /* Downloading: kept only when it is good, and the service reports what went wrong. */
    service.report_func.report_status_cb = on_status;
    service.report_func.param = &written_status;
    assert(ota_download_to_fs_service(NULL, path) == OTA_INVALID_PARAMETER);
    verified = OTA_VERIFY_SHA2_FAIL;
    assert(ota_download_to_fs_service(&service, info.store_path) == OTA_VERIFY_SHA2_FAIL);
    assert(written_status == OTA_VERIFY_SHA2_FAIL && kept_size == 0);
    verified = OTA_SUCCESS;
    length_status = OTA_DOWNLOAD_HEAD_FAIL;
    assert(ota_download_to_fs_service(&service, info.store_path) == OTA_DOWNLOAD_HEAD_FAIL && kept_size == 0);
    length_status = OTA_SUCCESS;
    fails_at_commit = 1;
    assert(ota_download_to_fs_service(&service, info.store_path) == OTA_UPGRADE_WRITE_FAIL && kept_size == 0);
    fails_at_commit = 0;
    assert(ota_download_to_fs_service(&service, info.store_path) == OTA_SUCCESS && written_status == 100);
    assert(kept_size == sizeof(FILE_BYTES) && memcmp(kept, FILE_BYTES, kept_size) == 0);
    assert(strcmp(kept_path, path) == 0);
    puts("all good");
    return 0;
}
