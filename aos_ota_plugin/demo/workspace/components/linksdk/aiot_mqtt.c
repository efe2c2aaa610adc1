/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's interface and what it remembers. Every packet goes through the portfile, one send or recv
 * for each: topic, a zero byte, payload. The protocol's own framing is the portfile's business.
 */
#include "aiot_mqtt_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aiot_state_api.h"
#include "aiot_sysdep_api.h"
#include "core_mqtt.h"

#define MAX_SUBSCRIPTIONS 8
#define MAX_PACKET        2048

typedef struct {
    char host[128];
    uint16_t port;
    char product_key[20 + 1];
    char device_name[32 + 1];
    char device_secret[64 + 1];
    aiot_sysdep_network_cred_t cred;
    aiot_mqtt_recv_handler_t recv_handler;
    aiot_mqtt_event_handler_t event_handler;
    void *userdata;
    int connected;
    struct {
        char topic[256];
        aiot_mqtt_recv_handler_t handler;
        void *userdata;
    } subscriptions[MAX_SUBSCRIPTIONS];
    size_t subscription_count;
    char packet[MAX_PACKET];
} client_t;

static aiot_sysdep_portfile_t *port_table;
static aiot_state_logcb_t log_handler;

int32_t aiot_state_set_logcb(aiot_state_logcb_t handler)
{
    log_handler = handler;
    return STATE_SUCCESS;
}

void aiot_sysdep_set_portfile(aiot_sysdep_portfile_t *portfile)
{
    port_table = portfile;
}

static int32_t report(int32_t code, char *message)
{
    if (code < STATE_SUCCESS && log_handler != NULL) {
        log_handler(code, message);
    }
    return code;
}

static int32_t copy_text(char *target, size_t size, const char *text)
{
    if (strlen(text) >= size) {
        return report(STATE_USER_INPUT_OUT_RANGE, "mqtt: the text is too long");
    }
    memcpy(target, text, strlen(text) + 1);
    return STATE_SUCCESS;
}

void *aiot_mqtt_init(void)
{
    return port_table != NULL ? calloc(1, sizeof(client_t)) : NULL;
}

int32_t aiot_mqtt_setopt(void *handle, aiot_mqtt_option_t option, void *data)
{
    client_t *client = handle;

    if (client == NULL || data == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    switch (option) {
    case AIOT_MQTTOPT_HOST:
        return copy_text(client->host, sizeof(client->host), data);
    case AIOT_MQTTOPT_PRODUCT_KEY:
        return copy_text(client->product_key, sizeof(client->product_key), data);
    case AIOT_MQTTOPT_DEVICE_NAME:
        return copy_text(client->device_name, sizeof(client->device_name), data);
    case AIOT_MQTTOPT_DEVICE_SECRET:
        return copy_text(client->device_secret, sizeof(client->device_secret), data);
    case AIOT_MQTTOPT_PORT:
        client->port = *(const uint16_t *)data;
        return STATE_SUCCESS;
    case AIOT_MQTTOPT_NETWORK_CRED:
        client->cred = *(const aiot_sysdep_network_cred_t *)data;
        return STATE_SUCCESS;
    case AIOT_MQTTOPT_RECV_HANDLER:
        client->recv_handler = (aiot_mqtt_recv_handler_t)data;
        return STATE_SUCCESS;
    case AIOT_MQTTOPT_EVENT_HANDLER:
        client->event_handler = (aiot_mqtt_event_handler_t)data;
        return STATE_SUCCESS;
    case AIOT_MQTTOPT_USERDATA:
        client->userdata = data;
        return STATE_SUCCESS;
    }
    return STATE_USER_INPUT_UNKNOWN;
}

static void tell(client_t *client, aiot_mqtt_event_type_t type)
{
    aiot_mqtt_event_t event = { .type = type };

    if (client->event_handler != NULL) {
        client->event_handler(client, &event, client->userdata);
    }
}

int32_t aiot_mqtt_connect(void *handle)
{
    client_t *client = handle;
    int32_t res;

    if (client == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    res = port_table->core_sysdep_network_establish(client->host, client->port, &client->cred);
    if (res < STATE_SUCCESS) {
        return report(res, "mqtt: there is no network connection");
    }
    client->connected = 1;
    tell(client, AIOT_MQTTEVT_CONNECT);
    return STATE_SUCCESS;
}

int32_t aiot_mqtt_disconnect(void *handle)
{
    client_t *client = handle;

    if (client == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    if (client->connected) {
        client->connected = 0;
        tell(client, AIOT_MQTTEVT_DISCONNECT);
    }
    return STATE_SUCCESS;
}

int32_t aiot_mqtt_deinit(void **handle)
{
    if (handle == NULL || *handle == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    memset(*handle, 0, sizeof(client_t)); /* the secret goes with it */
    free(*handle);
    *handle = NULL;
    return STATE_SUCCESS;
}

int32_t aiot_mqtt_process(void *handle)
{
    client_t *client = handle;

    if (client == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    return client->connected ? STATE_SUCCESS : STATE_USER_INPUT_EXEC_DISABLED;
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
    if (!client->connected) {
        return STATE_USER_INPUT_EXEC_DISABLED;
    }
    length = port_table->core_sysdep_network_recv(client->packet, MAX_PACKET - 1);
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
    for (size_t i = 0; i < client->subscription_count; i++) {
        if (strcmp(client->subscriptions[i].topic, client->packet) == 0) {
            client->subscriptions[i].handler(client, &packet, client->subscriptions[i].userdata);
            return STATE_SUCCESS;
        }
    }
    if (client->recv_handler != NULL) {
        client->recv_handler(client, &packet, client->userdata);
    }
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
    if (!client->connected) {
        return STATE_SYS_DEPEND_NWK_CLOSED;
    }
    head = strlen(topic) + 1;
    if (head > MAX_PACKET || payload_len > MAX_PACKET - head) {
        return report(STATE_USER_INPUT_OUT_RANGE, "mqtt: the message is too long");
    }
    memcpy(client->packet, topic, head);
    memcpy(client->packet + head, payload, payload_len);
    return port_table->core_sysdep_network_send(client->packet, (uint32_t)head + payload_len);
}

int32_t aiot_mqtt_sub(void *handle, char *topic, aiot_mqtt_recv_handler_t handler, uint8_t qos, void *userdata)
{
    client_t *client = handle;
    int32_t res;
    size_t i;

    (void)qos;
    if (client == NULL || topic == NULL || handler == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    i = client->subscription_count;
    if (i == MAX_SUBSCRIPTIONS) {
        return report(STATE_USER_INPUT_OUT_RANGE, "mqtt: too many subscriptions");
    }
    client->subscriptions[i].handler = handler;
    client->subscriptions[i].userdata = userdata;
    res = copy_text(client->subscriptions[i].topic, sizeof(client->subscriptions[i].topic), topic);
    if (res == STATE_SUCCESS) {
        client->subscription_count++;
    }
    return res;
}

char *core_mqtt_get_product_key(void *handle)
{
    client_t *client = handle;

    return client != NULL && client->product_key[0] != '\0' ? client->product_key : NULL;
}

char *core_mqtt_get_device_name(void *handle)
{
    client_t *client = handle;

    return client != NULL && client->device_name[0] != '\0' ? client->device_name : NULL;
}
