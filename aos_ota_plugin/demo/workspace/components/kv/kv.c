/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The partition holds records one after another: a byte of key length, one of value length, the key, the value.
 * A key length of 0xff, as erased flash has it, ends them.
 */
#include "aos/kv.h"

#include <stddef.h>
#include <string.h>

#include "hal/flash.h"

#define END_OF_RECORDS 0xff

int aos_kv_get(const char *key, void *buffer, int *buffer_len)
{
    unsigned char head[2];
    char name[256];
    unsigned int offset = 0;

    if (key == NULL || buffer == NULL || buffer_len == NULL) {
        return -1;
    }
    while (hal_flash_read(HAL_PARTITION_KV, offset, head, sizeof(head)) == 0 && head[0] != END_OF_RECORDS) {
        offset += sizeof(head);
        if (hal_flash_read(HAL_PARTITION_KV, offset, name, head[0]) != 0) {
            return -1;
        }
        name[head[0]] = '\0';
        offset += head[0];
        if (strcmp(name, key) == 0) {
            int room = *buffer_len;

            *buffer_len = head[1];
            if (head[1] > room) {
                return -2;
            }
            return hal_flash_read(HAL_PARTITION_KV, offset, buffer, head[1]) == 0 ? 0 : -1;
        }
        offset += head[1];
    }
    return -1;
}
