/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4, DHCP and TCP in one loop, without an operating system. */
#ifndef LWIPOPTS_H
#define LWIPOPTS_H

#define NO_SYS                            1
#define SYS_LIGHTWEIGHT_PROT              0
#define LWIP_SOCKET                       0
#define LWIP_NETCONN                      0
#define LWIP_RAW                          0
#define LWIP_DHCP                         1
#define DHCP_DOES_ARP_CHECK               0
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1 /* a restart must not meet the connections of the start before */
#define MEM_ALIGNMENT                     4
#define MEM_SIZE                          (64 * 1024)
#define PBUF_POOL_SIZE                    48
#define MEMP_NUM_TCP_PCB                  8
#define MEMP_NUM_TCP_SEG                  64
#define TCP_MSS                           1460
#define TCP_WND                           (5 * TCP_MSS) /* what is on its way fits the controller's FIFO of 10 KB */
#define TCP_SND_BUF                       (8 * TCP_MSS)
#define LWIP_STATS                        0

#endif
