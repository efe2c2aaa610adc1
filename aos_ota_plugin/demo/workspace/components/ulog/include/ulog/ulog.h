/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ULOG_H
#define ULOG_H

typedef enum {
    AOS_LL_NONE,
    AOS_LL_FATAL,
    AOS_LL_ERROR,
    AOS_LL_WARN,
    AOS_LL_INFO,
    AOS_LL_DEBUG,
} aos_log_level_t;

void ulog_init(void);
int aos_set_log_level(aos_log_level_t level);
void ulog(aos_log_level_t level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define LOG(...)          ulog(AOS_LL_INFO, "app", __VA_ARGS__)
#define LOGD(module, ...) ulog(AOS_LL_DEBUG, module, __VA_ARGS__)
#define LOGI(module, ...) ulog(AOS_LL_INFO, module, __VA_ARGS__)
#define LOGW(module, ...) ulog(AOS_LL_WARN, module, __VA_ARGS__)
#define LOGE(module, ...) ulog(AOS_LL_ERROR, module, __VA_ARGS__)

#endif
