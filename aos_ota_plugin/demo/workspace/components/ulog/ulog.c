/* SPDX-License-Identifier: Apache-2.0 */
#include "ulog/ulog.h"

#include <stdarg.h>
#include <stdio.h>

static aos_log_level_t limit = AOS_LL_NONE;

void ulog_init(void)
{
    limit = AOS_LL_WARN;
}

int aos_set_log_level(aos_log_level_t level)
{
    limit = level;
    return 0;
}

void ulog(aos_log_level_t level, const char *module, const char *format, ...)
{
    va_list args;

    if (level > limit) {
        return;
    }
    printf("[%c] %s: ", "-FEWID"[level], module);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}
