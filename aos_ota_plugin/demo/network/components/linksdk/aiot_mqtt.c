/* SPDX-License-Identifier: Apache-2.0 */
/* The platform's client: MQTT 3.1.1 over the portfile's connection, with the platform's login, and connected anew when it is lost. */
#include "core_mqtt_client.h"

#include <stdio.h>
#include <string.h>

#include "aos/kernel.h"
#include "aos/kv.h"
#include "mbedtls/md.h"

#define KEEP_ALIVE_S      300
#define PING_MS           60000u
#define ANSWER_MS         20000u
#define RECEIVE_MS        200u
#define PAUSE_FIRST_MS    1000u
#define PAUSE_MAX_MS      30000u

enum {
    CONNECT = 0x10,
    CONNACK = 0x20,
    PUBLISH = 0x30,
    PUBACK = 0x40,
    SUBSCRIBE = 0x82,
    SUBACK = 0x90,
    PINGREQ = 0xC0,
    PINGRESP = 0xD0,
    DISCONNECT = 0xE0,
};

typedef struct {
    core_mqtt_client_t core;
    int lost;          /* it was connected once, and shall be again */
    uint16_t id;       /* of the last packet that wants an answer */
    uint32_t pinged;   /* when; 0: it was answered */
    uint32_t heard;    /* when anything was sent or received last */
    uint32_t tried;    /* when a connection was tried last */
    uint32_t pause_ms; /* before the next try */
    char packet[CORE_MQTT_PACKET + 1]; /* received; what is sent in the meantime has a place of its own */
    uint8_t out[CORE_MQTT_PACKET];
} client_t;

void *aiot_mqtt_init(void)
{
    return core_mqtt_new(sizeof(client_t));
}

/* A packet under construction; `length` passes the room when something did not fit. */
typedef struct {
    uint8_t *bytes;
    size_t length;
    size_t room;
} writer_t;

static void put(writer_t *writer, const void *data, size_t length)
{
    if (writer->length <= writer->room && length <= writer->room - writer->length) {
        memcpy(writer->bytes + writer->length, data, length);
        writer->length += length;
    } else {
        writer->length = writer->room + 1;
    }
}

static void put_number(writer_t *writer, uint16_t number)
{
    uint8_t bytes[2] = { (uint8_t)(number >> 8), (uint8_t)number };

    put(writer, bytes, sizeof(bytes));
}

static void put_text(writer_t *writer, const char *text)
{
    put_number(writer, (uint16_t)strlen(text));
    put(writer, text, strlen(text));
}

/* Three bytes are kept free for the fixed header: no packet of ours has a longer one. */
static writer_t begin(client_t *client)
{
    writer_t writer = { client->out + 3, 0, sizeof(client->out) - 3 };

    return writer;
}

static int32_t finish(client_t *client, writer_t *writer, uint8_t type)
{
    uint8_t *start = client->out + (writer->length < 128 ? 1 : 0);

    if (writer->length > writer->room) {
        return core_mqtt_report(STATE_USER_INPUT_OUT_RANGE, "mqtt: the message is too long");
    }
    start[0] = type;
    if (writer->length < 128) {
        start[1] = (uint8_t)writer->length;
    } else {
        start[1] = (uint8_t)(writer->length | 0x80);
        start[2] = (uint8_t)(writer->length >> 7);
    }
    client->heard = core_mqtt_port->core_sysdep_time();
    return core_mqtt_port->core_sysdep_network_send(start, (uint32_t)(writer->bytes + writer->length - start));
}

static void lose(client_t *client)
{
    core_mqtt_port->core_sysdep_network_close();
    client->core.connected = 0;
    client->lost = 1;
    client->pause_ms = PAUSE_FIRST_MS;
    client->tried = core_mqtt_port->core_sysdep_time();
    core_mqtt_tell(&client->core, AIOT_MQTTEVT_DISCONNECT);
}

static int32_t receive_all(void *buffer, uint32_t length)
{
    uint32_t start = core_mqtt_port->core_sysdep_time();
    uint8_t *next = buffer;

    while (length > 0) {
        int32_t got = core_mqtt_port->core_sysdep_network_recv(next, length, ANSWER_MS);

        if (got < 0 || core_mqtt_port->core_sysdep_time() - start > ANSWER_MS) {
            return STATE_SYS_DEPEND_NWK_CLOSED;
        }
        next += got;
        length -= (uint32_t)got;
    }
    return STATE_SUCCESS;
}

/* The next packet's type and length; the type is 0 when none came in time. What is longer than a packet ends the connection. */
static int32_t receive_packet(client_t *client, uint32_t timeout_ms, uint8_t *type, uint32_t *length)
{
    uint8_t byte;
    int32_t res = core_mqtt_port->core_sysdep_network_recv(type, 1, timeout_ms);

    *length = 0;
    if (res <= 0) {
        *type = 0;
        return res;
    }
    for (uint32_t shift = 0; shift < 28; shift += 7) {
        res = receive_all(&byte, 1);
        if (res != STATE_SUCCESS) {
            return res;
        }
        *length |= (uint32_t)(byte & 0x7F) << shift;
        if ((byte & 0x80) == 0) {
            if (*length > CORE_MQTT_PACKET) {
                return core_mqtt_report(STATE_USER_INPUT_OUT_RANGE, "mqtt: the broker sends a longer message than fits");
            }
            client->heard = core_mqtt_port->core_sysdep_time();
            client->packet[*length] = '\0';
            return receive_all(client->packet, *length);
        }
    }
    return STATE_SYS_DEPEND_NWK_CLOSED;
}

static int password_of(const client_t *client, const char *id, unsigned long date, char password[65])
{
    char content[256];
    uint8_t mac[32];
    int length = snprintf(content, sizeof(content), "clientId%sdeviceName%sproductKey%stimestamp%lu", id,
                          client->core.device_name, client->core.product_key, date);

    if (length < 0 || length >= (int)sizeof(content) ||
        mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), (const uint8_t *)client->core.device_secret,
                        strlen(client->core.device_secret), (const uint8_t *)content, (size_t)length, mac) != 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof(mac); i++) {
        snprintf(password + 2 * i, 3, "%02x", mac[i]);
    }
    return 0;
}

static int32_t log_in(client_t *client)
{
    unsigned long date = core_mqtt_port->core_sysdep_date();
    int secure = client->core.cred.option != AIOT_SYSDEP_NETWORK_CRED_NONE;
    char id[64], text[160], user[64], password[65];
    writer_t packet = begin(client);
    uint32_t length;
    uint8_t type;
    int32_t res;

    snprintf(id, sizeof(id), "%s.%s", client->core.product_key, client->core.device_name);
    snprintf(text, sizeof(text), "%s|securemode=%d,signmethod=hmacsha256,timestamp=%lu|", id, secure ? 2 : 3, date);
    snprintf(user, sizeof(user), "%s&%s", client->core.device_name, client->core.product_key);
    if (password_of(client, id, date, password) != 0) {
        return STATE_USER_INPUT_OUT_RANGE;
    }
    put_text(&packet, "MQTT");
    put(&packet, "\x04\xC2", 2); /* version 3.1.1; user, password, a clean session */
    put_number(&packet, KEEP_ALIVE_S);
    put_text(&packet, text);
    put_text(&packet, user);
    put_text(&packet, password);
    memset(password, 0, sizeof(password));
    res = finish(client, &packet, CONNECT);
    if (res == STATE_SUCCESS) {
        res = receive_packet(client, ANSWER_MS, &type, &length);
    }
    memset(client->out, 0, sizeof(client->out));
    if (res < STATE_SUCCESS || type != CONNACK || length != 2) {
        return core_mqtt_report(STATE_SYS_DEPEND_NWK_CLOSED, "mqtt: the broker does not answer");
    }
    if (client->packet[1] != 0) {
        snprintf(text, sizeof(text), "mqtt: the broker refuses this device: %d", client->packet[1]);
        return core_mqtt_report(STATE_USER_INPUT_EXEC_DISABLED - 1, text);
    }
    return STATE_SUCCESS;
}

static int32_t subscribe(client_t *client, const char *topic)
{
    writer_t packet = begin(client);

    client->id = client->id == UINT16_MAX ? 1 : client->id + 1;
    put_number(&packet, client->id);
    put_text(&packet, topic);
    put(&packet, "\x01", 1);
    return finish(client, &packet, SUBSCRIBE);
}

static int32_t connect_once(client_t *client)
{
    int32_t res = core_mqtt_port->core_sysdep_network_establish(client->core.host, client->core.port, &client->core.cred);

    client->tried = core_mqtt_port->core_sysdep_time();
    if (res < STATE_SUCCESS) {
        return core_mqtt_report(res, "mqtt: there is no network connection");
    }
    res = log_in(client);
    for (size_t i = 0; i < client->core.subscription_count && res == STATE_SUCCESS; i++) {
        res = subscribe(client, client->core.subscriptions[i].topic);
    }
    if (res < STATE_SUCCESS) {
        core_mqtt_port->core_sysdep_network_close();
        return res;
    }
    client->core.connected = 1;
    client->pinged = 0;
    client->heard = core_mqtt_port->core_sysdep_time();
    return STATE_SUCCESS;
}

/* "net_broker" in the KV partition, mqtt://host:port or mqtts://host:port, instead of the platform's own. */
static void choose_broker(client_t *client)
{
    char url[160], host[128];
    int room = sizeof(url) - 1;
    unsigned int port;
    char secure;

    if (aos_kv_get("net_broker", url, &room) != 0) {
        return;
    }
    url[room] = '\0';
    secure = strncmp(url, "mqtts://", 8) == 0;
    if (sscanf(url + (secure ? 8 : 7), "%127[^:/]:%5u", host, &port) == 2 && port <= UINT16_MAX) {
        core_mqtt_copy_text(client->core.host, sizeof(client->core.host), host);
        client->core.port = (uint16_t)port;
        client->core.cred.option = secure ? AIOT_SYSDEP_NETWORK_CRED_SVRCERT_CA : AIOT_SYSDEP_NETWORK_CRED_NONE;
    } else {
        printf("mqtt: net_broker is no broker's address: %s\n", url);
    }
}

static void wait_ms(uint32_t ms)
{
    uint32_t start = core_mqtt_port->core_sysdep_time();

    while (core_mqtt_port->core_sysdep_time() - start < ms) {
        aos_msleep(1);
    }
}

int32_t aiot_mqtt_connect(void *handle)
{
    client_t *client = handle;

    if (client == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    choose_broker(client);
    client->pause_ms = PAUSE_FIRST_MS;
    /* A device in the field has nobody to start it again. */
    while (connect_once(client) != STATE_SUCCESS) {
        wait_ms(client->pause_ms);
        client->pause_ms = client->pause_ms * 2 < PAUSE_MAX_MS ? client->pause_ms * 2 : PAUSE_MAX_MS;
    }
    printf("mqtt: connected to %s:%u%s\n", client->core.host, client->core.port,
           client->core.cred.option == AIOT_SYSDEP_NETWORK_CRED_NONE ? "" : " by TLS");
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
        writer_t packet = begin(client);

        finish(client, &packet, DISCONNECT);
        lose(client);
    }
    client->lost = 0;
    return STATE_SUCCESS;
}

int32_t aiot_mqtt_process(void *handle)
{
    client_t *client = handle;
    uint32_t now;

    if (client == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    if (!client->core.connected) {
        return client->lost ? STATE_SYS_DEPEND_NWK_CLOSED : STATE_USER_INPUT_EXEC_DISABLED;
    }
    now = core_mqtt_port->core_sysdep_time();
    if (client->pinged != 0 && now - client->pinged > ANSWER_MS) {
        lose(client);
    } else if (client->pinged == 0 && now - client->heard > PING_MS) {
        writer_t packet = begin(client);

        client->pinged = now != 0 ? now : 1;
        finish(client, &packet, PINGREQ);
    }
    return STATE_SUCCESS;
}

/* Take a message: acknowledge it, and hand it to who subscribed to its topic. */
static int32_t take_message(client_t *client, uint8_t flags, uint32_t length)
{
    aiot_mqtt_recv_t packet = { .type = AIOT_MQTTRECV_PUB };
    uint32_t topic_length = length >= 2 ? (uint32_t)((uint8_t)client->packet[0] << 8 | (uint8_t)client->packet[1]) : length;
    uint32_t qos = (flags >> 1) & 3u;
    uint32_t head = 2 + topic_length + (qos > 0 ? 2 : 0);
    const uint8_t *id = (const uint8_t *)client->packet + 2 + topic_length;

    if (head > length || qos > 1) {
        return STATE_SYS_DEPEND_NWK_CLOSED; /* not what was agreed on */
    }
    if (qos == 1) {
        writer_t answer = begin(client);

        put(&answer, id, 2);
        finish(client, &answer, PUBACK);
    }
    memmove(client->packet, client->packet + 2, topic_length);
    client->packet[topic_length] = '\0';
    packet.data.pub.qos = (uint8_t)qos;
    packet.data.pub.topic = client->packet;
    packet.data.pub.topic_len = (uint16_t)topic_length;
    packet.data.pub.payload = (uint8_t *)client->packet + head;
    packet.data.pub.payload_len = length - head;
    core_mqtt_deliver(&client->core, &packet);
    return STATE_SUCCESS;
}

static int32_t take_packet(client_t *client)
{
    uint32_t length;
    uint8_t type;
    int32_t res = receive_packet(client, RECEIVE_MS, &type, &length);

    if (res < STATE_SUCCESS) {
        return res;
    }
    if ((type & 0xF0) == PUBLISH) {
        return take_message(client, type, length);
    }
    if (type == PINGRESP) {
        client->pinged = 0;
    } else if (type == SUBACK && length == 3 && client->packet[2] == (char)0x80) {
        core_mqtt_report(STATE_USER_INPUT_EXEC_DISABLED, "mqtt: the broker refuses a subscription");
    }
    return STATE_SUCCESS;
}

static int32_t connect_again(client_t *client)
{
    uint32_t waited = core_mqtt_port->core_sysdep_time() - client->tried;

    if (waited < client->pause_ms) {
        wait_ms(client->pause_ms - waited);
    }
    if (connect_once(client) == STATE_SUCCESS) {
        core_mqtt_tell(&client->core, AIOT_MQTTEVT_RECONNECT);
        return STATE_SUCCESS;
    }
    client->pause_ms = client->pause_ms * 2 < PAUSE_MAX_MS ? client->pause_ms * 2 : PAUSE_MAX_MS;
    return STATE_SYS_DEPEND_NWK_CLOSED;
}

int32_t aiot_mqtt_recv(void *handle)
{
    client_t *client = handle;
    int32_t res;

    if (client == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    if (!client->core.connected) {
        return client->lost ? connect_again(client) : STATE_USER_INPUT_EXEC_DISABLED;
    }
    res = take_packet(client);
    if (res < STATE_SUCCESS && client->core.connected) {
        lose(client);
    }
    return res;
}

int32_t aiot_mqtt_pub(void *handle, char *topic, uint8_t *payload, uint32_t payload_len, uint8_t qos)
{
    client_t *client = handle;
    writer_t packet;

    if (client == NULL || topic == NULL || payload == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    if (!client->core.connected) {
        return STATE_SYS_DEPEND_NWK_CLOSED;
    }
    packet = begin(client);
    put_text(&packet, topic);
    if (qos > 0) {
        client->id = client->id == UINT16_MAX ? 1 : client->id + 1;
        put_number(&packet, client->id);
    }
    put(&packet, payload, payload_len);
    return finish(client, &packet, PUBLISH | (qos > 0 ? 2 : 0));
}

int32_t aiot_mqtt_sub(void *handle, char *topic, aiot_mqtt_recv_handler_t handler, uint8_t qos, void *userdata)
{
    client_t *client = handle;
    int32_t res;

    (void)qos;
    if (client == NULL || topic == NULL || handler == NULL) {
        return STATE_USER_INPUT_NULL_POINTER;
    }
    res = core_mqtt_remember(&client->core, topic, handler, userdata);
    return res == STATE_SUCCESS && client->core.connected ? subscribe(client, topic) : res;
}
