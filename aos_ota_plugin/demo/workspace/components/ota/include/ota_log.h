/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTA_LOG_H
#define OTA_LOG_H

#include "ulog/ulog.h"

#define OTA_LOG_D(...) LOGD("ota", __VA_ARGS__)
#define OTA_LOG_I(...) LOGI("ota", __VA_ARGS__)
#define OTA_LOG_W(...) LOGW("ota", __VA_ARGS__)
#define OTA_LOG_E(...) LOGE("ota", __VA_ARGS__)

#endif
