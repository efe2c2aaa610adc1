/*
 * The whole agent on this machine: a request of standard input is a device, a push and its file; a line of standard output is
 * the agent's code. A request: "version room is_pack push_size file_size" in a line, 259 bytes of the key, push, file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aiot_mqtt_api.h"
#include "hal/boot.h"
#include "hal/flash.h"
#include "hal/net.h"
#include "ulog/ulog.h"

#define ota_rsa_pubkey_n key_in_the_source
#define ota_rsa_pubkey_e exponent_in_the_source
#include "ota_hal_digest.c"
#undef ota_rsa_pubkey_n
#undef ota_rsa_pubkey_e

#define FILES_SIZE 0x80000u

static uint8_t key[256 + 3], *flash, *file;
static uint8_t files[HAL_PARTITION_COUNT][FILES_SIZE];
static uint32_t room, file_size;
static char current[OTA_VER_LEN + 2];

const unsigned char *ota_rsa_pubkey_n(void)
{
    return key;
}

const unsigned char *ota_rsa_pubkey_e(void)
{
    return key + 256;
}

int32_t hal_net_file_length(const char *url)
{
    (void)url;
    return (int32_t)file_size;
}

int hal_net_file_read(const char *url, uint32_t offset, void *buffer, uint32_t length)
{
    (void)url;
    if (length > file_size || offset > file_size - length) {
        return -1;
    }
    memcpy(buffer, file + offset, length);
    return 0;
}

uint32_t hal_flash_size(hal_partition_t partition)
{
    return partition == HAL_PARTITION_OTA ? room : FILES_SIZE;
}

/* Whole sectors are erased, of a partition of any size. */
static uint8_t *place(hal_partition_t partition, uint32_t offset, uint32_t length)
{
    uint32_t size = (hal_flash_size(partition) + 0xfff) & ~0xfffu;

    if (length > size || offset > size - length) {
        return NULL;
    }
    return (partition == HAL_PARTITION_OTA ? flash : files[partition]) + offset;
}

int hal_flash_read(hal_partition_t partition, uint32_t offset, void *buffer, uint32_t length)
{
    const uint8_t *from = place(partition, offset, length);

    if (from == NULL) {
        return -1;
    }
    memcpy(buffer, from, length);
    return 0;
}

int hal_flash_write(hal_partition_t partition, uint32_t offset, const void *data, uint32_t length)
{
    uint8_t *to = place(partition, offset, length);

    for (uint32_t i = 0; to != NULL && i < length; i++) {
        to[i] &= ((const uint8_t *)data)[i];
    }
    return to != NULL ? 0 : -1;
}

int hal_flash_erase(hal_partition_t partition, uint32_t offset, uint32_t length)
{
    uint8_t *to = place(partition, offset, length);

    if (to == NULL) {
        return -1;
    }
    memset(to, 0xff, length);
    return 0;
}

int hal_boot_upgrade(uint16_t upg_flag, uint32_t length, const char *version)
{
    (void)upg_flag, (void)length, (void)version;
    return 0;
}

int hal_boot_confirm(void)
{
    return 0;
}

int32_t aiot_mqtt_pub(void *handle, char *topic, uint8_t *payload, uint32_t length, uint8_t qos)
{
    (void)handle, (void)topic, (void)payload, (void)length, (void)qos;
    return 0;
}

int32_t aiot_mqtt_sub(void *handle, char *topic, aiot_mqtt_recv_handler_t handler, uint8_t qos, void *userdata)
{
    (void)handle, (void)topic, (void)handler, (void)qos, (void)userdata;
    return 0;
}

const char *ota_hal_mcu_send(const char *name, uint32_t length)
{
    (void)name, (void)length;
    return "there is no MCU";
}

void aos_msleep(int ms)
{
    (void)ms;
}

void ulog(aos_log_level_t level, const char *module, const char *format, ...)
{
    (void)level, (void)module, (void)format;
}

/* As in the demo's application. */
static int on_trigger(void *service, char *version, char *module_name, void *param)
{
    char of_module[OTA_VER_LEN];
    const char *runs = current;

    (void)param;
    if (!ota_is_firmware(module_name)) {
        if (ota_get_module_version(service, module_name, of_module) < 0) {
            return OTA_INVALID_PARAMETER;
        }
        runs = of_module;
    }
    if (runs[0] != '\0' && !ota_version_is_newer(version, runs)) {
        return OTA_TRANSPORT_VER_FAIL;
    }
    return ota_service_start(service);
}

static uint8_t *bytes(size_t size)
{
    uint8_t *read = malloc(size + 1);

    if (fread(read, 1, size, stdin) != size) {
        exit(1);
    }
    read[size] = '\0';
    return read;
}

int main(void)
{
    unsigned int push_size, is_pack;

    /* The version ends with a dot, so that an empty one is a word, too. */
    while (scanf("%65s %u %u %u %u", current, &room, &is_pack, &push_size, &file_size) == 5 && getchar() == '\n') {
        ota_store_module_info_t module = { "module1", "/data/module1", is_pack ? OTA_MODULE_PACK : OTA_MODULE_FILE };
        ota_service_t service = { 0 };
        uint8_t *push;

        current[strlen(current) - 1] = '\0';
        if (fread(key, 1, sizeof(key), stdin) != sizeof(key)) {
            return 1;
        }
        push = bytes(push_size);
        file = bytes(file_size);
        flash = malloc(room + 0x1000);
        memset(flash, 0xff, room + 0x1000);
        memset(files, 0xff, sizeof(files));
        ota_register_module_store(&service, &module, 1);
        ota_register_trigger_msg_cb(&service, (void *)on_trigger, NULL);
        printf("%d\n", ota_sevice_parse_msg(&service, (const char *)push));
        fflush(stdout);
        ota_clear();
        free(push), free(file), free(flash);
    }
    return 0;
}
