/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_ETHERNET_H
#define HAL_ETHERNET_H

#include <stdint.h>

#define HAL_ETHERNET_FRAME_MAX 1514 /* header and data, without the checksum */

/* Switch the controller on; its own address comes out. 0, or -1 when there is none. */
int hal_ethernet_on(uint8_t mac[6]);

/* Send a frame, padded to whole words. 0, or -1 when the controller has no room. */
int hal_ethernet_send(const uint32_t *words, uint32_t length);

/* The next frame's bytes without its checksum, 0 when there is none. `words` has room for HAL_ETHERNET_FRAME_MAX. */
uint32_t hal_ethernet_receive(uint32_t *words);

#endif
