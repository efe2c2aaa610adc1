/* SPDX-License-Identifier: Apache-2.0 */
/* What every client has, whatever carries its messages: options, handlers, subscriptions. */
#ifndef CORE_MQTT_CLIENT_H
#define CORE_MQTT_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "aiot_mqtt_api.h"
#include "aiot_state_api.h"
#include "aiot_sysdep_api.h"

#define CORE_MQTT_SUBSCRIPTIONS 8
#define CORE_MQTT_PACKET        2048

/* The first member of the client's own struct, whose size in bytes is `size`. */
typedef struct {
    size_t size;
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
    } subscriptions[CORE_MQTT_SUBSCRIPTIONS];
    size_t subscription_count;
} core_mqtt_client_t;

extern aiot_sysdep_portfile_t *core_mqtt_port;

/* A new client of so many bytes, zeroed; NULL without memory or a portfile. */
void *core_mqtt_new(size_t size);
/* Logs a code below STATE_SUCCESS; returns the code. */
int32_t core_mqtt_report(int32_t code, char *message);
int32_t core_mqtt_copy_text(char *target, size_t size, const char *text);
void core_mqtt_tell(core_mqtt_client_t *client, aiot_mqtt_event_type_t type);
/* Hands a message to who subscribed to its topic, which ends with a zero byte, or else to the client's own handler. */
void core_mqtt_deliver(core_mqtt_client_t *client, const aiot_mqtt_recv_t *packet);
/* Remembers a subscription, or changes the one of that topic. */
int32_t core_mqtt_remember(core_mqtt_client_t *client, const char *topic, aiot_mqtt_recv_handler_t handler, void *userdata);

#endif
