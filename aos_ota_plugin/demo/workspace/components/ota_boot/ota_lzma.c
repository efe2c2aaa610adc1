/* SPDX-License-Identifier: Apache-2.0 */
#include "ota_lzma.h"

#include <string.h>

#define PROB_BITS  11
#define PROB_START (1u << (PROB_BITS - 1))
#define MOVE_BITS  5
#define TOP        (1u << 24)

void lzma_dict_reset(lzma_t *lzma, uint32_t dict_size)
{
    lzma->dict_size = dict_size;
    lzma->dict_at = 0;
    lzma->full = 0;
    lzma->position = 0;
}

void lzma_state_reset(lzma_t *lzma)
{
    lzma_prob_t *prob = (lzma_prob_t *)(void *)&lzma->model;

    for (size_t at = 0; at < sizeof(lzma->model) / sizeof(*prob); at++) {
        prob[at] = PROB_START;
    }
    lzma->state = 0;
    memset(lzma->rep, 0, sizeof(lzma->rep));
}

int lzma_properties(lzma_t *lzma, uint8_t byte)
{
    uint32_t lc = byte % 9u, lp = byte / 9u % 5u, pb = byte / 45u;

    if (pb > 4 || lc + lp > 4) {
        return LZMA_CHUNK_FAULT;
    }
    lzma->lc = lc;
    lzma->lp_mask = (1u << lp) - 1;
    lzma->pb_mask = (1u << pb) - 1;
    return 0;
}

/* --- the range coder */

static uint32_t next_byte(lzma_t *lzma)
{
    int byte;

    if (lzma->packed_left == 0) {
        lzma->failed = 1;
        return 0;
    }
    lzma->packed_left--;
    byte = lzma->next(lzma->source);
    if (byte < 0) {
        lzma->failed = 1;
        return 0;
    }
    return (uint32_t)byte;
}

static void normalize(lzma_t *lzma)
{
    if (lzma->range < TOP) {
        lzma->range <<= 8;
        lzma->code = lzma->code << 8 | next_byte(lzma);
    }
}

static uint32_t one_bit(lzma_t *lzma, lzma_prob_t *prob)
{
    uint32_t bound;

    normalize(lzma);
    bound = (lzma->range >> PROB_BITS) * *prob;
    if (lzma->code < bound) {
        lzma->range = bound;
        *prob = (lzma_prob_t)(*prob + (((1u << PROB_BITS) - *prob) >> MOVE_BITS));
        return 0;
    }
    lzma->range -= bound;
    lzma->code -= bound;
    *prob = (lzma_prob_t)(*prob - (*prob >> MOVE_BITS));
    return 1;
}

/* `bits` bits without a model, the highest first. */
static uint32_t direct_bits(lzma_t *lzma, uint32_t bits)
{
    uint32_t value = 0;

    while (bits-- > 0) {
        normalize(lzma);
        lzma->range >>= 1;
        value <<= 1;
        if (lzma->code >= lzma->range) {
            lzma->code -= lzma->range;
            value |= 1;
        }
    }
    return value;
}

static uint32_t tree(lzma_t *lzma, lzma_prob_t *probs, uint32_t bits)
{
    uint32_t node = 1;

    for (uint32_t bit = 0; bit < bits; bit++) {
        node = node << 1 | one_bit(lzma, &probs[node]);
    }
    return node - (1u << bits);
}

/* The lowest bit first. The tree's root is probs[first + 1]. */
static uint32_t reverse_tree(lzma_t *lzma, lzma_prob_t *probs, uint32_t first, uint32_t bits)
{
    uint32_t node = 1, value = 0;

    for (uint32_t bit = 0; bit < bits; bit++) {
        uint32_t set = one_bit(lzma, &probs[first + node]);

        node = node << 1 | set;
        value |= set << bit;
    }
    return value;
}

/* --- the dictionary */

static uint8_t back(const lzma_t *lzma, uint32_t distance) /* 0: the last byte; nothing before the first is 0 */
{
    uint32_t at = lzma->dict_at;

    if (distance >= lzma->full) {
        return 0;
    }
    return lzma->dict[at > distance ? at - distance - 1 : at + lzma->dict_size - distance - 1];
}

void lzma_put(lzma_t *lzma, uint8_t byte)
{
    lzma->dict[lzma->dict_at++] = byte;
    if (lzma->dict_at == lzma->dict_size) {
        lzma->dict_at = 0;
    }
    if (lzma->full < lzma->dict_size) {
        lzma->full++;
    }
    lzma->position++;
}

/* --- literals and matches */

static uint8_t literal(lzma_t *lzma)
{
    uint32_t before = back(lzma, 0);
    uint32_t set = ((lzma->position & lzma->lp_mask) << lzma->lc) + (before >> (8 - lzma->lc));
    lzma_prob_t *probs = lzma->model.literal[set];
    uint32_t symbol = 1;

    if (lzma->state >= 7) { /* after a match, the byte that it would have gone on with is most likely not this one */
        uint32_t match = back(lzma, lzma->rep[0]);

        while (symbol < 0x100) {
            uint32_t expected = match >> 7 & 1;
            uint32_t bit = one_bit(lzma, &probs[((1 + expected) << 8) + symbol]);

            match <<= 1;
            symbol = symbol << 1 | bit;
            if (bit != expected) {
                break;
            }
        }
    }
    while (symbol < 0x100) {
        symbol = symbol << 1 | one_bit(lzma, &probs[symbol]);
    }
    lzma->state = lzma->state < 4 ? 0 : lzma->state - (lzma->state < 10 ? 3 : 6);
    return (uint8_t)symbol;
}

static uint32_t length_of(lzma_t *lzma, lzma_length_t *model, uint32_t pos_state)
{
    if (one_bit(lzma, &model->choice) == 0) {
        return 2 + tree(lzma, model->low[pos_state], 3);
    }
    if (one_bit(lzma, &model->choice2) == 0) {
        return 10 + tree(lzma, model->mid[pos_state], 3);
    }
    return 18 + tree(lzma, model->high, 8);
}

static uint32_t distance_of(lzma_t *lzma, uint32_t length)
{
    uint32_t slot = tree(lzma, lzma->model.slot[length < 6 ? length - 2 : 3], 6);
    uint32_t bits, distance;

    if (slot < 4) {
        return slot;
    }
    bits = (slot >> 1) - 1;
    distance = (2 | (slot & 1)) << bits;
    if (slot < 14) {
        return distance + reverse_tree(lzma, lzma->model.special, distance - slot, bits);
    }
    distance += direct_bits(lzma, bits - 4) << 4;
    return distance + reverse_tree(lzma, lzma->model.align, 0, 4);
}

static void simple_match(lzma_t *lzma, uint32_t pos_state)
{
    lzma->rep[3] = lzma->rep[2];
    lzma->rep[2] = lzma->rep[1];
    lzma->rep[1] = lzma->rep[0];
    lzma->length = length_of(lzma, &lzma->model.match_length, pos_state);
    lzma->rep[0] = distance_of(lzma, lzma->length);
    lzma->state = lzma->state < 7 ? 7 : 10;
}

static void repeated_match(lzma_t *lzma, uint32_t pos_state)
{
    lzma_model_t *model = &lzma->model;
    uint32_t state = lzma->state, which = 0, distance;

    if (one_bit(lzma, &model->is_rep0[state]) == 0) {
        if (one_bit(lzma, &model->is_rep0_long[state][pos_state]) == 0) {
            lzma->length = 1;
            lzma->state = state < 7 ? 9 : 11;
            return;
        }
    } else if (one_bit(lzma, &model->is_rep1[state]) == 0) {
        which = 1;
    } else {
        which = 2 + one_bit(lzma, &model->is_rep2[state]);
    }
    distance = lzma->rep[which];
    /* No loop: compilers make a memmove of it, which not every boot stage has. */
    if (which == 3) {
        lzma->rep[3] = lzma->rep[2];
    }
    if (which >= 2) {
        lzma->rep[2] = lzma->rep[1];
    }
    if (which >= 1) {
        lzma->rep[1] = lzma->rep[0];
    }
    lzma->rep[0] = distance;
    lzma->length = length_of(lzma, &model->rep_length, pos_state);
    lzma->state = state < 7 ? 8 : 11;
}

int lzma_chunk_start(lzma_t *lzma, uint32_t packed_size)
{
    lzma->packed_left = packed_size;
    lzma->failed = 0;
    lzma->length = 0;
    lzma->range = 0xFFFFFFFF;
    lzma->code = 0;
    if (next_byte(lzma) != 0) {
        return LZMA_CHUNK_FAULT;
    }
    for (int count = 0; count < 4; count++) {
        lzma->code = lzma->code << 8 | next_byte(lzma);
    }
    return lzma->failed ? LZMA_CHUNK_FAULT : 0;
}

int lzma_decode(lzma_t *lzma, uint8_t *out, uint32_t size)
{
    uint32_t made = 0;

    while (made < size && !lzma->failed) {
        if (lzma->length == 0) {
            uint32_t pos_state = lzma->position & lzma->pb_mask;

            if (one_bit(lzma, &lzma->model.is_match[lzma->state][pos_state]) == 0) {
                out[made] = literal(lzma);
                lzma_put(lzma, out[made++]);
                continue;
            }
            if (one_bit(lzma, &lzma->model.is_rep[lzma->state]) == 0) {
                simple_match(lzma, pos_state);
            } else {
                repeated_match(lzma, pos_state);
            }
            if (lzma->rep[0] >= lzma->full) {
                return LZMA_CHUNK_FAULT;
            }
        }
        for (; lzma->length > 0 && made < size; lzma->length--) {
            out[made] = back(lzma, lzma->rep[0]);
            lzma_put(lzma, out[made++]);
        }
    }
    return lzma->failed ? LZMA_CHUNK_FAULT : 0;
}

int lzma_chunk_end(lzma_t *lzma)
{
    normalize(lzma);
    return lzma->failed || lzma->length != 0 || lzma->packed_left != 0 || lzma->code != 0 ? LZMA_CHUNK_FAULT : 0;
}
