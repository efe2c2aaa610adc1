/* The component's log, as far as the digest layer needs it, for a program on the host. */
#ifndef OTA_LOG_H
#define OTA_LOG_H
#include <stdio.h>
#define OTA_LOG_E(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))
#endif
