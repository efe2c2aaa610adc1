/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AOS_KV_H
#define AOS_KV_H

/*
 * Copy the value of key into buffer. *buffer_len is the room before the call and the value's length after it.
 * 0 on success; -1: there is no such key; -2: the room is too small, and *buffer_len says what it takes.
 */
int aos_kv_get(const char *key, void *buffer, int *buffer_len);

#endif
