/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LZMA as LZMA2 chunks hold it, after the published description of the format (LZMA specification; .xz file format).
 * Bytes come from a function, and go into a dictionary that the caller owns and, the same bytes, into the caller's buffer.
 */
#ifndef OTA_LZMA_H
#define OTA_LZMA_H

#include <stdint.h>

#define LZMA_STATES       12
#define LZMA_POS_STATES   16 /* pb up to 4 */
#define LZMA_LITERAL_SETS 16 /* lc + lp up to 4 */
#define LZMA_CHUNK_FAULT  (-1)

typedef uint16_t lzma_prob_t;

typedef struct {
    lzma_prob_t choice, choice2;
    lzma_prob_t low[LZMA_POS_STATES][8];
    lzma_prob_t mid[LZMA_POS_STATES][8];
    lzma_prob_t high[256];
} lzma_length_t;

typedef struct {
    lzma_prob_t is_match[LZMA_STATES][LZMA_POS_STATES];
    lzma_prob_t is_rep[LZMA_STATES];
    lzma_prob_t is_rep0[LZMA_STATES];
    lzma_prob_t is_rep1[LZMA_STATES];
    lzma_prob_t is_rep2[LZMA_STATES];
    lzma_prob_t is_rep0_long[LZMA_STATES][LZMA_POS_STATES];
    lzma_prob_t slot[4][64];
    lzma_prob_t special[115];
    lzma_prob_t align[16];
    lzma_length_t match_length;
    lzma_length_t rep_length;
    lzma_prob_t literal[LZMA_LITERAL_SETS][0x300];
} lzma_model_t;

typedef struct {
    lzma_model_t model;
    /* The dictionary: a ring of dict_size bytes. */
    uint8_t *dict;
    uint32_t dict_size;
    uint32_t dict_at;  /* where the next byte goes */
    uint32_t full;     /* bytes in it */
    uint32_t position; /* bytes since it was reset */
    /* The range coder. */
    uint32_t range, code;
    uint32_t packed_left; /* bytes of the chunk that are still to come */
    int failed;           /* the chunk wanted more, or the source had no more */
    int (*next)(void *source);
    void *source;
    /* The state of the model. */
    uint32_t lc, lp_mask, pb_mask;
    uint32_t state;
    uint32_t rep[4];
    uint32_t length; /* bytes of a match that are still to be copied */
} lzma_t;

void lzma_dict_reset(lzma_t *lzma, uint32_t dict_size);
void lzma_state_reset(lzma_t *lzma);
int lzma_properties(lzma_t *lzma, uint8_t byte);            /* 0, or LZMA_CHUNK_FAULT */
int lzma_chunk_start(lzma_t *lzma, uint32_t packed_size);   /* the same; packed_size in bytes */
int lzma_decode(lzma_t *lzma, uint8_t *out, uint32_t size); /* exactly size bytes, or LZMA_CHUNK_FAULT */
int lzma_chunk_end(lzma_t *lzma);                           /* 0 when the chunk ended as one does */
void lzma_put(lzma_t *lzma, uint8_t byte);                  /* an uncompressed byte, into the dictionary */

#endif
