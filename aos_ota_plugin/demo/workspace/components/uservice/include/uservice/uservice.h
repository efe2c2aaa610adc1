/* SPDX-License-Identifier: Apache-2.0 */
#ifndef USERVICE_H
#define USERVICE_H

#include <stdint.h>

typedef void (*event_callback_t)(uint32_t event_id, const void *param, void *context);

int event_service_init(void *service);

/* Call back on every such event, and at once if it has happened before. Negative when the table is full. */
int event_subscribe(uint32_t event_id, event_callback_t callback, void *context);

/* Tell every subscriber, and remember the number for those who come later. */
int event_publish(uint32_t event_id, const void *param);

#endif
