/* SPDX-License-Identifier: Apache-2.0 */
/* What the upgrade needs of a network: packets to and from the platform, and parts of a file. */
#ifndef HAL_NET_H
#define HAL_NET_H

#include <stdint.h>

/* 0, or -1 when the platform cannot be reached. */
int hal_net_connect(void);

/* A packet is a topic, a zero byte and a message. 0, or -1. */
int hal_net_send(const void *packet, uint32_t length);

/* The next packet's length, 0 when none has come yet, or -1 when none will, or one larger than size. */
int hal_net_receive(void *packet, uint32_t size);

/* Bytes of the file that the URL names, or -1. */
int32_t hal_net_file_length(const char *url);

/* A part of that file: HTTP's Range. 0 when all of it has come, else -1. */
int hal_net_file_read(const char *url, uint32_t offset, void *buffer, uint32_t length);

#endif
