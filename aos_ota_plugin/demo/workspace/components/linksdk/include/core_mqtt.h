/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MQTT_H
#define CORE_MQTT_H

/* The names the client was given, or NULL. */
char *core_mqtt_get_product_key(void *handle);
char *core_mqtt_get_device_name(void *handle);

#endif
