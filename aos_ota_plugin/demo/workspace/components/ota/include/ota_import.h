/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the agent use of one another. */
#ifndef OTA_IMPORT_H
#define OTA_IMPORT_H

#include <stdint.h>

#include "ota_agent.h"

#define OTA_MSG_LEN 256

#define OTA_HASH_NONE        0
#define OTA_SHA256           1
#define OTA_MD5              2
#define OTA_SHA256_HASH_SIZE 32
#define OTA_MD5_HASH_SIZE    16
#define OTA_SIGN_BITNUMB     2048

/*
 * Not one of OTA_ERRNO_E: here the vendor's device would crash, or write outside of a buffer. Only a build with its flaws has
 * it, and no platform is told of it.
 */
#define OTA_DEVICE_FAULT (-100)

/* ota_hal_plat.c */
uint32_t ota_partition_size(void); /* of the OTA partition, in bytes, as the three that follow */
int ota_read(uint32_t *offset, void *buffer, uint32_t length);      /* moves offset on */
int ota_write(uint32_t *offset, const void *data, uint32_t length); /* likewise */
int ota_erase(uint32_t length);                                     /* room for so many bytes */
int ota_hal_boot(ota_boot_param_t *param);
int ota_hal_works(void); /* this version need not be rolled back */

/* ota_module.c */
const ota_store_module_info_t *ota_store_of(const ota_service_t *ctx, const char *module_name); /* NULL: it is another's */
/* Unpack or keep what stands in the OTA partition, and report its version. 0 or one of OTA_ERRNO_E: nothing has changed. */
int ota_module_install(ota_service_t *ctx, const ota_store_module_info_t *info, const ota_boot_param_t *param);
/* This version is the module's from now on, whatever files it has. 0, or one of OTA_ERRNO_E. */
int ota_module_is(const ota_store_module_info_t *info, const char *version);

/* ota_mcu.c: send the image in the OTA partition to the MCU, and report its version. 0 or one of OTA_ERRNO_E. */
int ota_mcu_install(ota_service_t *ctx, const ota_store_module_info_t *info, const ota_boot_param_t *param);

/* ota_hal_mcu.c: send the OTA partition's first bytes. NULL when the MCU has taken all of them, else what went wrong. */
const char *ota_hal_mcu_send(const char *name, uint32_t length);

/* ota_push.c, ota_push_vendor.c: what the push says; root is NULL when it is not JSON. 0 or a code. */
struct cJSON;
int ota_take_push(ota_service_t *ctx, const struct cJSON *root, ota_boot_param_t *param);

/* ota_report.c: for the log, and for the platform. 0, or OTA_TRANSPORT_INT_FAIL for one that is too long. */
const char *ota_code_name(int code);
int ota_inform_message(char message[OTA_MSG_LEN], const char *module_name, const char *version);
int ota_progress_message(char message[OTA_MSG_LEN], const char *module_name, int status);
int ota_device_fault(const char *why); /* into the log; OTA_DEVICE_FAULT */

/* ota_transport_mqtt.c: what is refused is reported, unless it is a device fault */
void ota_report_refusal(ota_service_t *ctx, int code);

/* ota_download.c: the file's length, which is the push's size but with the vendor's flaws. 0 or one of OTA_ERRNO_E. */
uint32_t ota_trailer_size(void); /* of the bytes behind an image's payload */
int ota_file_length(const char *url, uint32_t size, uint32_t *length);
int ota_download_image_header(ota_service_t *ctx, const char *url, uint32_t size, uint32_t *length);
int ota_download_start(ota_boot_param_t *param, uint32_t length, report_func report, void *report_param); /* sets upg_flag */
/* To the start of the OTA partition, of which there are `room` bytes; nothing is written of a file that is larger. */
int ota_download_file(const ota_boot_param_t *param, uint32_t length, uint32_t room, report_func report,
                      void *report_param);
uint16_t ota_parse_ota_type(const uint8_t *head, uint32_t length);

/* ota_verify.c, ota_verify_hash.c, ota_verify_rsa.c: 0 or one of OTA_ERRNO_E */
int ota_verify(const ota_boot_param_t *param, uint32_t length); /* of the file */
int ota_verify_file(const ota_boot_param_t *param, uint32_t length); /* one without a trailer */
int ota_check_image_hash(uint32_t length, uint8_t type, uint8_t *digest); /* of the partition's first bytes */
int ota_check_hash(uint8_t type, const char *calculated, const char *expected); /* both in hexadecimal */
int ota_check_image(uint32_t size);
int ota_verify_rsa(const uint8_t *signature, const char *hash, uint8_t type);

#endif
