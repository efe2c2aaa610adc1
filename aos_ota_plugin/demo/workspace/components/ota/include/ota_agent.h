/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTA_AGENT_H
#define OTA_AGENT_H

#include <stdint.h>

/* What image_magic says an image is. */
#define OTA_BIN_MAGIC_APP    0xabababab
#define OTA_BIN_MAGIC_KERNEL 0xcdcdcdcd
#define OTA_BIN_MAGIC_ALL    0xefefefef
#define OTA_BIN_MAGIC_MCU    0xefcdefcd
#define OTA_BIN_MAGIC_FS     0xabcdabcd

/* What encrypto_magic says signed it. */
#define OTA_SIGN_MAGIC_RSA 0xAABBCCDD

/* What kind of file an upgrade is: the first bytes tell. */
#define OTA_UPGRADE_CUST 0x8778 /* of a module: the application updates it by itself */
#define OTA_UPGRADE_ALL  0x9669
#define OTA_UPGRADE_XZ   0xA55A
#define OTA_UPGRADE_DIFF 0xB44B

typedef enum {
    OTA_SUCCESS = 0,
    OTA_INIT_FAIL = -1,
    OTA_TRANSPORT_INT_FAIL = -2,
    OTA_TRANSPORT_PAR_FAIL = -3,
    OTA_TRANSPORT_VER_FAIL = -4,
    OTA_DOWNLOAD_INIT_FAIL = -5,
    OTA_DOWNLOAD_HEAD_FAIL = -6,
    OTA_DOWNLOAD_CON_FAIL = -7,
    OTA_DOWNLOAD_REQ_FAIL = -8,
    OTA_DOWNLOAD_RECV_FAIL = -9,
    OTA_VERIFY_MD5_FAIL = -10,
    OTA_VERIFY_SHA2_FAIL = -11,
    OTA_VERIFY_RSA_FAIL = -12,
    OTA_VERIFY_IMAGE_FAIL = -13,
    OTA_UPGRADE_WRITE_FAIL = -14,
    OTA_UPGRADE_PARAM_FAIL = -15,
    OTA_UPGRADE_FW_SIZE_FAIL = -16,
    OTA_UPGRADE_SET_BOOT_FAIL = -17,
    OTA_CUSTOM_CALLBAK_FAIL = -18,
    OTA_MCU_INIT_FAIL = -19,
    OTA_MCU_VERSION_FAIL = -20,
    OTA_MCU_NOT_READY = -21,
    OTA_MCU_REBOOT_FAIL = -22,
    OTA_MCU_HEADER_FAIL = -23,
    OTA_MCU_UPGRADE_FAIL = -24,
    OTA_INVALID_PARAMETER = -25,
} OTA_ERRNO_E;

/* The step that is reported to the platform when an upgrade fails. */
typedef enum {
    OTA_REPORT_UPGRADE_ERR = -1,
    OTA_REPORT_DOWNLOAD_ERR = -2,
    OTA_REPORT_VERIFY_ERR = -3,
    OTA_REPORT_BURN_ERR = -4,
} OTA_REPORT_CLOUD_ERRNO_E;

#define OTA_URL_LEN  256
#define OTA_HASH_LEN 66
#define OTA_SIGN_LEN 256
#define OTA_VER_LEN  64

/* What is known of the upgrade at hand. */
typedef struct {
    uint32_t len;       /* of the whole file, in bytes, as the push says */
    uint16_t upg_flag;  /* OTA_UPGRADE_ALL, _XZ or _DIFF */
    uint8_t hash_type;  /* OTA_SHA256 or OTA_MD5 */
    int upg_status;
    char url[OTA_URL_LEN];
    char sign[OTA_SIGN_LEN]; /* the signature, in bytes */
    char hash[OTA_HASH_LEN]; /* in hexadecimal capitals */
    char ver[OTA_VER_LEN];
} ota_boot_param_t;

/* With local signing, between the payload and ota_image_info_t. Little-endian. */
typedef struct {
    uint32_t encrypto_magic;
    uint8_t padding_mode;
    uint8_t sign_hash_type;
    uint8_t abstract_hash_type;
    uint8_t reserved[97];
    uint8_t hash[32];       /* SHA-256 of all bytes before this structure */
    uint8_t signature[256]; /* RSASSA-PKCS1-v1_5 with SHA-256, over the bytes of hash */
} ota_sign_info_t;

/* The last bytes of every image. Little-endian. */
typedef struct {
    uint32_t image_magic;
    uint32_t image_size;   /* of the bytes that image_md5 and image_crc16 cover */
    uint8_t image_md5[16];
    uint8_t image_num;
    uint8_t image_res;
    uint16_t image_crc16;
} ota_image_info_t;

_Static_assert(sizeof(ota_sign_info_t) == 392, "ota_sign_info_t stands in the image as it is");
_Static_assert(sizeof(ota_image_info_t) == 28, "ota_image_info_t stands in the image as it is");

/*
 * What becomes of a module's file: it is unpacked into the folder store_path, kept as the file of that path, or, an image with
 * the MCU's magic, sent to the connected MCU.
 */
#define OTA_MODULE_PACK 1
#define OTA_MODULE_FILE 2
#define OTA_MODULE_MCU  3

/* A module besides the firmware; the device reports its version with its own. */
typedef struct {
    char module_name[32 + 1];
    char store_path[76 + 1];
    int module_type; /* OTA_MODULE_PACK, _FILE, _MCU or OTA_UPGRADE_CUST; 0: none yet */
} ota_store_module_info_t;

typedef int (*report_func)(void *param, int status);
typedef int (*triggered_func)(void *service, char *version, char *module_name, void *param);

typedef struct ota_service_s {
    char pk[20 + 1]; /* product key */
    char ps[64 + 1]; /* product secret */
    char dn[32 + 1]; /* device name */
    char ds[64 + 1]; /* device secret */
    char module_name[32 + 1];
    struct {
        report_func report_status_cb;
        void *param;
    } report_func;
    struct {
        triggered_func triggered_ota_cb;
        void *param;
    } ota_triggered_func;
    int (*on_boot)(ota_boot_param_t *ota_param); /* instead of restarting, when it is set */
    struct {
        ota_sign_info_t sign_info;
        ota_image_info_t image_info;
    } header;
    void *mqtt_client;
    ota_store_module_info_t *store; /* the modules besides the firmware */
    int store_len;
} ota_service_t;

/* Forget all that was registered. */
void ota_service_param_reset(ota_service_t *ctx);

/* Subscribe to pushes; callbacks are registered and names are set before. */
int ota_service_init(ota_service_t *ctx);

/* Download the upgrade that was pushed, check it and boot it. The task of a trigger callback calls it. */
int ota_service_start(ota_service_t *ctx);

/* A push, as JSON: keep what it says and call the trigger callback. */
int ota_sevice_parse_msg(ota_service_t *ctx, const char *json);

int ota_register_boot_cb(ota_service_t *ctx, void *cb, void *param);
int ota_register_trigger_msg_cb(ota_service_t *ctx, void *cb, void *param);
int ota_register_report_percent_cb(ota_service_t *ctx, void *cb, void *param);

/* The modules besides the firmware; the list must outlive the service. */
int ota_register_module_store(ota_service_t *ctx, ota_store_module_info_t *queue, int queue_len);

/* One more such module, in the first place of the list whose module_type is 0: OTA_SUCCESS, or OTA_CUSTOM_CALLBAK_FAIL. */
int ota_set_module_information(ota_service_t *ctx, char *module_name, char *store_path, int module_type);

/* What is registered for a module: OTA_SUCCESS, or OTA_CUSTOM_CALLBAK_FAIL. */
int ota_get_module_information(ota_service_t *ctx, char *module_name, ota_store_module_info_t *module_info);

/*
 * Download what was pushed, check it and keep it as the file of that path; the service reports what goes wrong. Called in a task
 * of the application. 0, or one of OTA_ERRNO_E: then the file is what it was.
 */
int ota_download_to_fs_service(void *ota_ctx, char *file_path);

/* What is known of the upgrade at hand, from push to restart: OTA_SUCCESS, or OTA_UPGRADE_PARAM_FAIL. */
int ota_read_parameter(ota_boot_param_t *param);
int ota_update_parameter(const ota_boot_param_t *param);
int ota_clear(void);

/* Whether a push for the module of this name is one of the firmware, "default". */
int ota_is_firmware(const char *module_name);

/* The version of such a module, "" when it has none yet; OTA_INVALID_PARAMETER when there is no such module. */
int ota_get_module_version(ota_service_t *ctx, const char *module_name, char version[OTA_VER_LEN]);

/* Tell the platform the versions of all such modules that have one. */
int ota_report_modules(ota_service_t *ctx);

/* Tell the platform which version of the module runs here; the firmware itself is the module "default". */
int ota_transport_inform(ota_service_t *ctx, const char *module_name, const char *version);

/* The same, by the name that every 3.3 release of the vendor's component has. */
int ota_report_module_version(void *ota_ctx, char *module_name, char *version);

/* Whether the version that is offered is newer than the one that runs. */
int ota_version_is_newer(const char *version, const char *current);

/* Subscribe to pushes. */
int ota_transport_upgrade(ota_service_t *ctx);

/* Tell the platform how far an upgrade is: a percentage, or one of OTA_ERRNO_E. param is the service. */
int ota_transport_status(void *param, int status);

#endif
