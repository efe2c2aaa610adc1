/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AIOT_MQTT_API_H
#define AIOT_MQTT_API_H

#include <stdint.h>

typedef enum {
    AIOT_MQTTRECV_HEARTBEAT_RESPONSE,
    AIOT_MQTTRECV_SUB_ACK,
    AIOT_MQTTRECV_PUB,
    AIOT_MQTTRECV_PUB_ACK,
} aiot_mqtt_recv_type_t;

typedef struct {
    aiot_mqtt_recv_type_t type;
    union {
        struct {
            uint8_t qos;
            char *topic;
            uint16_t topic_len;
            uint8_t *payload;
            uint32_t payload_len;
        } pub;
        struct {
            int32_t res;
            uint8_t max_qos;
            uint16_t packet_id;
        } sub_ack;
        struct {
            uint16_t packet_id;
        } pub_ack;
    } data;
} aiot_mqtt_recv_t;

typedef void (*aiot_mqtt_recv_handler_t)(void *handle, const aiot_mqtt_recv_t *packet, void *userdata);

typedef enum {
    AIOT_MQTTEVT_CONNECT,
    AIOT_MQTTEVT_RECONNECT,
    AIOT_MQTTEVT_DISCONNECT,
} aiot_mqtt_event_type_t;

typedef enum {
    AIOT_MQTTDISCONNEVT_NETWORK_DISCONNECT,
    AIOT_MQTTDISCONNEVT_HEARTBEAT_DISCONNECT,
} aiot_mqtt_disconnect_event_type_t;

typedef struct {
    aiot_mqtt_event_type_t type;
    union {
        aiot_mqtt_disconnect_event_type_t disconnect;
    } data;
} aiot_mqtt_event_t;

typedef void (*aiot_mqtt_event_handler_t)(void *handle, const aiot_mqtt_event_t *event, void *userdata);

typedef enum {
    AIOT_MQTTOPT_HOST,          /* char *, kept as a copy */
    AIOT_MQTTOPT_PORT,          /* uint16_t * */
    AIOT_MQTTOPT_PRODUCT_KEY,   /* char *, kept as a copy */
    AIOT_MQTTOPT_DEVICE_NAME,   /* char *, kept as a copy */
    AIOT_MQTTOPT_DEVICE_SECRET, /* char *, kept as a copy */
    AIOT_MQTTOPT_NETWORK_CRED,  /* aiot_sysdep_network_cred_t *, kept as a copy */
    AIOT_MQTTOPT_RECV_HANDLER,  /* aiot_mqtt_recv_handler_t */
    AIOT_MQTTOPT_EVENT_HANDLER, /* aiot_mqtt_event_handler_t */
    AIOT_MQTTOPT_USERDATA,      /* void *, handed to both */
} aiot_mqtt_option_t;

void *aiot_mqtt_init(void);
int32_t aiot_mqtt_setopt(void *handle, aiot_mqtt_option_t option, void *data);
int32_t aiot_mqtt_connect(void *handle);
int32_t aiot_mqtt_disconnect(void *handle);
int32_t aiot_mqtt_deinit(void **handle);
int32_t aiot_mqtt_process(void *handle);
int32_t aiot_mqtt_recv(void *handle);
int32_t aiot_mqtt_pub(void *handle, char *topic, uint8_t *payload, uint32_t payload_len, uint8_t qos);
int32_t aiot_mqtt_sub(void *handle, char *topic, aiot_mqtt_recv_handler_t handler, uint8_t qos, void *userdata);

#endif
