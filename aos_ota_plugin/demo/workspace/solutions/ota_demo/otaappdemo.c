/* SPDX-License-Identifier: Apache-2.0 */
/* OTA 示例：设备上线后上报版本号，云端推送更高的版本时开始升级。 */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "aiot_mqtt_api.h"
#include "aiot_state_api.h"
#include "aiot_sysdep_api.h"
#include "aos/cli.h"
#include "aos/kernel.h"
#include "core_mqtt.h"
#include "netmgr.h"
#include "ota_agent.h"
#include "ulog/ulog.h"
#include "uservice/eventid.h"
#include "uservice/uservice.h"

/* 应用的版本号，对应云端的 default 模块 */
#define MY_APP_VER "app-1.0.0"

#define MQTT_TASK_STACK (8 * 1024)
#define OTA_TASK_STACK  (6 * 1024)

/* linksdk 移植层的函数表 */
extern aiot_sysdep_portfile_t g_aiot_sysdep_portfile;
/* 校验服务器用的根证书 */
extern const char *ali_ca_cert;

static ota_service_t ota_ctx;
/* 固件以外的模块：数据包解开后放进目录，单个文件原样保存；连接的 MCU 经串口用 Ymodem 升级 */
static ota_store_module_info_t modules[] = {
    { "panel", "/data/panel", OTA_MODULE_PACK },
    { "js", "/data/js/app.bin", OTA_MODULE_FILE },
    { "mcu", "", OTA_MODULE_MCU },
};
static int mqtt_started;

static void ota_task(void *arg)
{
    ota_service_start(arg);
}

/* 版本比较：只接受更新的版本号 */
static int ota_upgrade_cb(ota_service_t *service, char *version, char *module_name)
{
    char of_module[OTA_VER_LEN];
    const char *current = MY_APP_VER;

    if (service == NULL || version == NULL || module_name == NULL) {
        return OTA_INVALID_PARAMETER;
    }
    printf("ota: version %s of module %s is offered\n", version, module_name);
    if (!ota_is_firmware(module_name)) {
        if (ota_get_module_version(service, module_name, of_module) < 0) {
            return OTA_INVALID_PARAMETER;
        }
        current = of_module;
    }
    /* 模块还没有文件时，任何版本都接受 */
    if (current[0] != '\0' && !ota_version_is_newer(version, current)) {
        printf("ota: %s is not newer than %s\n", version, current);
        return OTA_TRANSPORT_VER_FAIL;
    }
    /* 下载和校验耗时较长，放到单独的任务里 */
    return aos_task_new("ota", ota_task, service, OTA_TASK_STACK);
}

static void report_versions(void)
{
    if (ota_transport_inform(&ota_ctx, "default", MY_APP_VER) < 0 || ota_report_modules(&ota_ctx) < 0) {
        LOG("ota: the version was not reported");
    }
}

/* MQTT 建连成功：登记 OTA 的回调函数，上报当前版本号 */
static void mqtt_connected(void *mqtt_handle)
{
    const char *product_key = core_mqtt_get_product_key(mqtt_handle);
    const char *device_name = core_mqtt_get_device_name(mqtt_handle);

    if (product_key == NULL || device_name == NULL) {
        printf("ota: the device has no name\n");
        return;
    }
    ota_service_param_reset(&ota_ctx);
    snprintf(ota_ctx.pk, sizeof(ota_ctx.pk), "%s", product_key);
    snprintf(ota_ctx.dn, sizeof(ota_ctx.dn), "%s", device_name);
    ota_ctx.mqtt_client = mqtt_handle;

    ota_register_module_store(&ota_ctx, modules, sizeof(modules) / sizeof(modules[0]));
    ota_register_trigger_msg_cb(&ota_ctx, (void *)ota_upgrade_cb, NULL);
    ota_register_report_percent_cb(&ota_ctx, (void *)ota_transport_status, &ota_ctx);
    if (ota_service_init(&ota_ctx) < 0) {
        LOG("ota: the service did not start");
        return;
    }
    report_versions();
}

static int32_t state_log(int32_t code, char *message)
{
    (void)code;
    printf("%s\n", message);
    return 0;
}

static void mqtt_event(void *handle, const aiot_mqtt_event_t *event, void *userdata)
{
    (void)userdata;
    switch (event->type) {
    case AIOT_MQTTEVT_CONNECT:
        mqtt_connected(handle);
        break;
    case AIOT_MQTTEVT_RECONNECT:
        printf("mqtt: connected again\n");
        /* 断线期间的推送会丢失：再上报一次版本号，云端会重新推送 */
        report_versions();
        break;
    case AIOT_MQTTEVT_DISCONNECT:
        printf("mqtt: connection lost\n");
        break;
    }
}

/* 没有单独登记处理函数的消息都会到这里 */
static void mqtt_message(void *handle, const aiot_mqtt_recv_t *packet, void *userdata)
{
    (void)handle;
    (void)userdata;
    if (packet->type == AIOT_MQTTRECV_PUB) {
        printf("mqtt: %.*s\n", (int)packet->data.pub.topic_len, packet->data.pub.topic);
    }
}

static int mqtt_main(void *param)
{
    aiot_sysdep_network_cred_t cred = { 0 };
    char host[100];
    uint16_t port = 443; /* 无论是否使用 TLS，阿里云平台都使用 443 端口 */
    void *mqtt_handle;
    int32_t res;

    /* 设备的身份：在物联网平台上创建设备后得到 */
    char *product_key       = "";
    char *device_name       = "";
    char *device_secret     = "";

    (void)param;
    aiot_sysdep_set_portfile(&g_aiot_sysdep_portfile);
    aiot_state_set_logcb(state_log);

    cred.option = AIOT_SYSDEP_NETWORK_CRED_SVRCERT_CA;
    cred.max_tls_fragment = 16384;
    cred.sni_enabled = 1;
    cred.x509_server_cert = ali_ca_cert;
    cred.x509_server_cert_len = strlen(ali_ca_cert);

    mqtt_handle = aiot_mqtt_init();
    if (mqtt_handle == NULL) {
        return -1;
    }
    snprintf(host, sizeof(host), "%s.iot-as-mqtt.cn-shanghai.aliyuncs.com", product_key);
    aiot_mqtt_setopt(mqtt_handle, AIOT_MQTTOPT_HOST, host);
    aiot_mqtt_setopt(mqtt_handle, AIOT_MQTTOPT_PORT, &port);
    aiot_mqtt_setopt(mqtt_handle, AIOT_MQTTOPT_PRODUCT_KEY, product_key);
    aiot_mqtt_setopt(mqtt_handle, AIOT_MQTTOPT_DEVICE_NAME, device_name);
    aiot_mqtt_setopt(mqtt_handle, AIOT_MQTTOPT_DEVICE_SECRET, device_secret);
    aiot_mqtt_setopt(mqtt_handle, AIOT_MQTTOPT_NETWORK_CRED, &cred);
    aiot_mqtt_setopt(mqtt_handle, AIOT_MQTTOPT_RECV_HANDLER, (void *)mqtt_message);
    aiot_mqtt_setopt(mqtt_handle, AIOT_MQTTOPT_EVENT_HANDLER, (void *)mqtt_event);

    res = aiot_mqtt_connect(mqtt_handle);
    if (res < STATE_SUCCESS) {
        printf("mqtt: no connection: -0x%04X\n", (unsigned int)-res);
        aiot_mqtt_deinit(&mqtt_handle);
        return -1;
    }
    /* 收取云端的消息，并发送心跳，直到连接被关闭 */
    do {
        aiot_mqtt_process(mqtt_handle);
        res = aiot_mqtt_recv(mqtt_handle);
        if (res < STATE_SUCCESS) {
            aos_msleep(1000);
        }
    } while (res != STATE_USER_INPUT_EXEC_DISABLED);
    aiot_mqtt_deinit(&mqtt_handle);
    return 0;
}

static void mqtt_task(void *arg)
{
    mqtt_main(arg);
}

/* 拿到 IP 地址以后才连云 */
static void network_event(uint32_t event_id, const void *param, void *context)
{
    (void)param;
    (void)context;
    if (event_id == EVENT_NETMGR_DHCP_SUCCESS && !mqtt_started) {
        mqtt_started = 1;
        aos_task_new("mqtt", mqtt_task, NULL, MQTT_TASK_STACK);
    }
}

/* 命令 version：显示正在运行的版本号 */
static int version_command(int argc, char *argv[])
{
    (void)argc;
    (void)argv;
    printf("version: %s\n", MY_APP_VER);
    return 0;
}

int application_start(int argc, char *argv[])
{
    static const struct cli_command version = { "version", "show the version that runs", version_command };

    (void)argc;
    (void)argv;
    ulog_init();
    aos_set_log_level(AOS_LL_DEBUG);
    event_service_init(NULL);
    aos_cli_register_command(&version);
    netmgr_service_init(NULL);
    event_subscribe(EVENT_NETMGR_DHCP_SUCCESS, network_event, NULL);
    for (;;) {
        aos_msleep(1000);
    }
    return 0;
}
