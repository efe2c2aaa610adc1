/* SPDX-License-Identifier: Apache-2.0 */
#include "core_mqtt_client.h"

#include <stdlib.h>
#include <string.h>

#include "core_mqtt.h"

aiot_sysdep_portfile_t *core_mqtt_port;
static aiot_state_logcb_t log_handler;

int32_t aiot_state_set_logcb(aiot_state_logcb_t handler)
{
    log_handler = handler;
    return STATE_SUCCESS;
}

void aiot_sysdep_set_portfile(aiot_sysdep_portfile_t *portfile)
{
    core_mqtt_port = portfile;
}

int32_t core_mqtt_report(int32_t code, char *message)
{
    if (code < STATE_SUCCESS && log_handler != NULL) {
        log_handler(code, message);
    }
    return code;
}

int32_t core_mqtt_copy_text(char *target, size_t size, const char *text)
{
    if (strlen(text) >= size) {
        return core_mqtt_report(STATE_USER_INPUT_OUT_RANGE, "mqtt: the text is too long");
    }
    memcpy(target, text, strlen(text) + 1);
    return STATE_SUCCESS;
}

void *core_mqtt_new(size_t size)
{
    core_mqtt_client_t *client = core_mqtt_port != NULL ? calloc(1, size) : NULL;

    if (client != NULL) {
        client->size = size;
    }
    return client;
}

int32_t aiot_mqtt_setopt(void *handle, aiot_mqtt_option_t option, void *data)
{
    core_mqtt_client_t *client = handle;

    if (client == NULL || data == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    switch (option) {
    case AIOT_MQTTOPT_HOST:
        return core_mqtt_copy_text(client->host, sizeof(client->host), data);
    case AIOT_MQTTOPT_PRODUCT_KEY:
        return core_mqtt_copy_text(client->product_key, sizeof(client->product_key), data);
    case AIOT_MQTTOPT_DEVICE_NAME:
        return core_mqtt_copy_text(client->device_name, sizeof(client->device_name), data);
    case AIOT_MQTTOPT_DEVICE_SECRET:
        return core_mqtt_copy_text(client->device_secret, sizeof(client->device_secret), data);
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

void core_mqtt_tell(core_mqtt_client_t *client, aiot_mqtt_event_type_t type)
{
    aiot_mqtt_event_t event = { .type = type };

    if (client->event_handler != NULL) {
        client->event_handler(client, &event, client->userdata);
    }
}

int32_t aiot_mqtt_deinit(void **handle)
{
    if (handle == NULL || *handle == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    memset(*handle, 0, ((core_mqtt_client_t *)*handle)->size); /* the secret goes with it */
    free(*handle);
    *handle = NULL;
    return STATE_SUCCESS;
}

void core_mqtt_deliver(core_mqtt_client_t *client, const aiot_mqtt_recv_t *packet)
{
    for (size_t i = 0; i < client->subscription_count; i++) {
        if (strcmp(client->subscriptions[i].topic, packet->data.pub.topic) == 0) {
            client->subscriptions[i].handler(client, packet, client->subscriptions[i].userdata);
            return;
        }
    }
    if (client->recv_handler != NULL) {
        client->recv_handler(client, packet, client->userdata);
    }
}

int32_t core_mqtt_remember(core_mqtt_client_t *client, const char *topic, aiot_mqtt_recv_handler_t handler, void *userdata)
{
    int32_t res;
    size_t i = 0;

    while (i < client->subscription_count && strcmp(client->subscriptions[i].topic, topic) != 0) {
        i++;
    }
    if (i == CORE_MQTT_SUBSCRIPTIONS) {
        return core_mqtt_report(STATE_USER_INPUT_OUT_RANGE, "mqtt: too many subscriptions");
    }
    res = core_mqtt_copy_text(client->subscriptions[i].topic, sizeof(client->subscriptions[i].topic), topic);
    if (res == STATE_SUCCESS) {
        client->subscriptions[i].handler = handler;
        client->subscriptions[i].userdata = userdata;
        client->subscription_count += i == client->subscription_count;
    }
    return res;
}

char *core_mqtt_get_product_key(void *handle)
{
    core_mqtt_client_t *client = handle;

    return client != NULL && client->product_key[0] != '\0' ? client->product_key : NULL;
}

char *core_mqtt_get_device_name(void *handle)
{
    core_mqtt_client_t *client = handle;

    return client != NULL && client->device_name[0] != '\0' ? client->device_name : NULL;
}
