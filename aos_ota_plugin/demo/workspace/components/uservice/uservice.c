/* SPDX-License-Identifier: Apache-2.0 */
#include "uservice/uservice.h"

#include <stddef.h>
#include <string.h>

#define MAX_SUBSCRIBERS 8
#define MAX_EVENTS      8

static struct {
    uint32_t event_id;
    event_callback_t callback;
    void *context;
} subscribers[MAX_SUBSCRIBERS];
static size_t subscriber_count;

static uint32_t seen[MAX_EVENTS];
static size_t seen_count;

static int was_seen(uint32_t event_id)
{
    for (size_t i = 0; i < seen_count; i++) {
        if (seen[i] == event_id) {
            return 1;
        }
    }
    return 0;
}

int event_service_init(void *service)
{
    (void)service;
    memset(subscribers, 0, sizeof(subscribers));
    subscriber_count = 0;
    seen_count = 0;
    return 0;
}

int event_subscribe(uint32_t event_id, event_callback_t callback, void *context)
{
    if (callback == NULL || subscriber_count == MAX_SUBSCRIBERS) {
        return -1;
    }
    subscribers[subscriber_count].event_id = event_id;
    subscribers[subscriber_count].callback = callback;
    subscribers[subscriber_count].context = context;
    subscriber_count++;
    if (was_seen(event_id)) {
        callback(event_id, NULL, context);
    }
    return 0;
}

int event_publish(uint32_t event_id, const void *param)
{
    if (!was_seen(event_id)) {
        if (seen_count == MAX_EVENTS) {
            return -1;
        }
        seen[seen_count++] = event_id;
    }
    for (size_t i = 0; i < subscriber_count; i++) {
        if (subscribers[i].event_id == event_id) {
            subscribers[i].callback(event_id, param, subscribers[i].context);
        }
    }
    return 0;
}
