/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stdint.h>

#define LWIP_ERRNO_STDINCLUDE 1

uint32_t ethernetif_random(void);
#define LWIP_RAND() ethernetif_random()

#endif
