/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OTA_HAL_OS_H
#define OTA_HAL_OS_H

void ota_msleep(int ms);

/* In place, ASCII letters only. */
void ota_to_capital(char *text);

/* Hexadecimal capitals to bytes; src has 2 * dest_len digits. 0, or -1 when there is another character. */
int ota_str2hex(const char *src, unsigned char *dest, unsigned int dest_len);

/* And back; dest has room for 2 * src_len + 1. */
void ota_hex2str(char *dest, const unsigned char *src, unsigned int src_len);

/*
 * *output_len is the room before the call and what was written after it.
 * 0, or -1 when it is not base64 or too long.
 */
int ota_base64_decode(const char *input, unsigned char *output, unsigned int *output_len);

#endif
