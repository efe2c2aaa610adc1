/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AIOT_STATE_API_H
#define AIOT_STATE_API_H

#include <stdint.h>

#define STATE_SUCCESS                  (0x0000)
#define STATE_USER_INPUT_NULL_POINTER  (-0x0101)
#define STATE_USER_INPUT_OUT_RANGE     (-0x0102)
#define STATE_USER_INPUT_UNKNOWN       (-0x0103)
#define STATE_USER_INPUT_EXEC_DISABLED (-0x0104)
#define STATE_SYS_DEPEND_MALLOC_FAILED (-0x0F01)
#define STATE_SYS_DEPEND_NWK_CLOSED    (-0x0F02)

typedef int32_t (*aiot_state_logcb_t)(int32_t code, char *message);

int32_t aiot_state_set_logcb(aiot_state_logcb_t handler);

#endif
