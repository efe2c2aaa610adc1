/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's interface and what it remembers. Every packet goes through the portfile, one send or recv
 * for each: topic, a zero byte, payload. The protocol's own framing is the portfile's business.
 */
#include "core_mqtt_client.h"

#include <string.h>

typedef struct {
    core_mqtt_client_t core;
    char packet[CORE_MQTT_PACKET];
} client_t;

void *aiot_mqtt_init(void)
{
    return core_mqtt_new(sizeof(client_t));
}

int32_t aiot_mqtt_connect(void *handle)
{
    client_t *client = handle;
    int32_t res;

    if (client == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    res = core_mqtt_port->core_sysdep_network_establish(client->core.host, client->core.port, &client->core.cred);
    if (res < STATE_SUCCESS) {
        return core_mqtt_report(res, "mqtt: there is no network connection");
    }
    client->core.connected = 1;
    core_mqtt_tell(&client->core, AIOT_MQTTEVT_CONNECT);
    return STATE_SUCCESS;
}

int32_t aiot_mqtt_disconnect(void *handle)
{
    client_t *client = handle;

    if (client == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    if (client->core.connected) {
        client->core.connected = 0;
        core_mqtt_tell(&client->core, AIOT_MQTTEVT_DISCONNECT);
    }
    return STATE_SUCCESS;
}

int32_t aiot_mqtt_process(void *handle)
{
    client_t *client = handle;

    if (client == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    return client->core.connected ? STATE_SUCCESS : STATE_USER_INPUT_EXEC_DISABLED;
}

int32_t aiot_mqtt_recv(void *handle)
{
    client_t *client = handle;
    aiot_mqtt_recv_t packet = { .type = AIOT_MQTTRECV_PUB };
    size_t topic_length;
    int32_t length;

    if (client == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    if (!client->core.connected) {
        return STATE_USER_INPUT_EXEC_DISABLED;
    }
    length = core_mqtt_port->core_sysdep_network_recv(client->packet, CORE_MQTT_PACKET - 1);
    if (length < STATE_SUCCESS) {
        aiot_mqtt_disconnect(client);
        return length;
    }
    client->packet[length] = '\0';
    topic_length = strlen(client->packet);
    if (topic_length >= (size_t)length) {
        return STATE_SUCCESS; /* no payload: nothing for anybody */
    }
    packet.data.pub.topic = client->packet;
    packet.data.pub.topic_len = (uint16_t)topic_length;
    packet.data.pub.payload = (uint8_t *)client->packet + topic_length + 1;
    packet.data.pub.payload_len = (uint32_t)length - topic_length - 1;
    core_mqtt_deliver(&client->core, &packet);
    return STATE_SUCCESS;
}

int32_t aiot_mqtt_pub(void *handle, char *topic, uint8_t *payload, uint32_t payload_len, uint8_t qos)
{
    client_t *client = handle;
    size_t head;

    (void)qos;
    if (client == NULL || topic == NULL || payload == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    if (!client->core.connected) {
        return STATE_SYS_DEPEND_NWK_CLOSED;
    }
    head = strlen(topic) + 1;
    if (head > CORE_MQTT_PACKET || payload_len > CORE_MQTT_PACKET - head) {
        return core_mqtt_report(STATE_USER_INPUT_OUT_RANGE, "mqtt: the message is too long");
    }
    memcpy(client->packet, topic, head);
    memcpy(client->packet + head, payload, payload_len);
    return core_mqtt_port->core_sysdep_network_send(client->packet, (uint32_t)head + payload_len);
}

int32_t aiot_mqtt_sub(void *handle, char *topic, aiot_mqtt_recv_handler_t handler, uint8_t qos, void *userdata)
{
    client_t *client = handle;

    (void)qos;
    if (client == NULL || topic == NULL || handler == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    return core_mqtt_remember(&client->core, topic, handler, userdata);
}
