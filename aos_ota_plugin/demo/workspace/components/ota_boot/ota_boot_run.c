/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "ota_boot_internal.h"

/* --- what the parts share */

void ota_log(const ota_run_t *run, const char *what, int32_t value)
{
    if (run->boot->log != NULL) {
        run->boot->log(run->boot->log_ctx, what, value);
    }
}

void *ota_take(ota_run_t *run, uint32_t size)
{
    uint32_t start = run->taken;

    size = (size + 7u) & ~7u;
    if (run->boot->arena == NULL || start > run->boot->arena_size || size > run->boot->arena_size - start) {
        ota_log(run, "the arena is too small; bytes needed:", (int32_t)(start + size));
        return NULL;
    }
    run->taken = start + size;
    if (run->taken > run->boot->arena_peak) {
        run->boot->arena_peak = run->taken;
    }
    return (uint8_t *)run->boot->arena + start;
}

static int flash_result(ota_run_t *run, int result, const char *what, uint32_t address)
{
    if (result == 0) {
        return 0;
    }
    run->flash_failed = 1;
    ota_log(run, what, (int32_t)address);
    return -1;
}

int ota_flash_read(ota_run_t *run, uint32_t address, void *buffer, uint32_t length)
{
    const ota_flash_t *flash = &run->boot->flash;

    return flash_result(run, flash->read(flash->ctx, address, buffer, length), "flash is not read at", address);
}

int ota_flash_write(ota_run_t *run, uint32_t address, const void *data, uint32_t length)
{
    const ota_flash_t *flash = &run->boot->flash;

    return flash_result(run, flash->write(flash->ctx, address, data, length), "flash is not written at", address);
}

int ota_flash_erase(ota_run_t *run, uint32_t address)
{
    const ota_flash_t *flash = &run->boot->flash;

    return flash_result(run, flash->erase(flash->ctx, address), "flash is not erased at", address);
}

int ota_flash_replace(ota_run_t *run, uint32_t address, const void *data, uint32_t length)
{
    return ota_flash_erase(run, address) != 0 ? -1 : ota_flash_write(run, address, data, length);
}

uint32_t ota_file_address(const ota_run_t *run)
{
    return run->boot->layout.bank[run->state.bank ^ 1u] + run->state.request.file_off;
}

static int read_of_source(void *ctx, uint32_t address, void *buffer, uint32_t length)
{
    return ota_flash_read(ctx, address, buffer, length);
}

ota_xz_source_t ota_source(ota_run_t *run, uint32_t address, uint32_t length)
{
    ota_xz_source_t source = { read_of_source, run, address, length };

    return source;
}

int ota_file_crc(ota_run_t *run, uint32_t address, uint32_t length, uint16_t *crc)
{
    uint8_t part[256];

    *crc = 0;
    while (length > 0) {
        uint32_t size = length < sizeof(part) ? length : sizeof(part);

        if (ota_flash_read(run, address, part, size) != 0) {
            return -1;
        }
        *crc = ota_crc16(*crc, part, size);
        address += size;
        length -= size;
    }
    return 0;
}

/* --- requests */

static int layout_is_one(const ota_layout_t *layout)
{
    uint32_t all = layout->bank[0] | layout->bank[1] | layout->bank_size | layout->parameter[0] | layout->parameter[1] |
                   layout->journal_size;

    return all % OTA_BOOT_SECTOR == 0 && layout->bank_size > 0 && layout->journal_size <= layout->bank_size &&
           layout->bank[0] != layout->bank[1] && layout->parameter[0] != layout->parameter[1];
}

static int begin(ota_run_t *run, ota_boot_t *boot)
{
    memset(run, 0, sizeof(*run));
    run->boot = boot;
    return layout_is_one(&boot->layout) ? ota_state_load(run) : OTA_BOOT_PARAM_FAIL;
}

/* 0, or what says that the file is not where such a file may be. */
static int out_of_place(const ota_layout_t *layout, const ota_boot_request_t *request)
{
    uint32_t room = layout->bank_size;
    int what = request->upg_flag == OTA_UPGRADE_XZ ? OTA_XZ_PARAM_FAIL : OTA_IMAGE_COPY_FAIL;

    if (request->upg_flag == OTA_UPGRADE_DIFF) {
        room -= layout->journal_size;
        what = OTA_NB_INVALID_PARAM;
    }
    if (request->len == 0 || request->len > room || request->file_off > room - request->len ||
        (request->upg_flag == OTA_UPGRADE_ALL && request->file_off != 0)) {
        return what;
    }
    return 0;
}

static int refused(const ota_layout_t *layout, const ota_boot_request_t *request)
{
    if ((request->upg_flag != OTA_UPGRADE_ALL && request->upg_flag != OTA_UPGRADE_XZ &&
         request->upg_flag != OTA_UPGRADE_DIFF) ||
        request->ver[sizeof(request->ver) - 1] != '\0') {
        return OTA_BOOT_REQUEST_FAIL;
    }
    return out_of_place(layout, request);
}

/* Whether the active bank is being overwritten: then it must not be started before that is done. */
static int spoiled(const ota_boot_state_t *state)
{
    return state->request.upg_flag != 0 && state->target == state->bank &&
           (state->patch_status != 0 || state->new_off != 0);
}

static void end_of_request(ota_boot_state_t *state, int result)
{
    memset(&state->request, 0, sizeof(state->request));
    state->attempts = state->patch_status = 0;
    state->patch_off = state->new_off = state->new_size = 0;
    state->result = result;
}

int ota_boot_request(ota_boot_t *boot, const ota_boot_request_t *request)
{
    ota_run_t run;
    int code = begin(&run, boot);

    if (code != 0) {
        return code;
    }
    if (run.state.trial != 0) {
        return OTA_BOOT_UNCONFIRMED;
    }
    code = spoiled(&run.state) ? OTA_BOOT_REQUEST_FAIL : refused(&boot->layout, request);
    if (code != 0) {
        return code;
    }
    end_of_request(&run.state, OTA_UPDATER_OK);
    run.state.request = *request;
    run.state.target = request->upg_flag == OTA_UPGRADE_DIFF ? run.state.bank : run.state.bank ^ 1u;
    return ota_state_store(&run);
}

int ota_boot_confirm(ota_boot_t *boot)
{
    ota_run_t run;
    int code = begin(&run, boot);

    if (code != 0 || run.state.trial == 0) {
        return code;
    }
    run.state.trial = run.state.rollback = run.state.boot_count = 0;
    return ota_state_store(&run);
}

int ota_boot_read_state(ota_boot_t *boot, ota_boot_state_t *state)
{
    ota_run_t run;
    int code = begin(&run, boot);

    *state = run.state;
    return code;
}

int ota_boot_file_crc(ota_boot_t *boot, uint32_t file_off, uint32_t len, uint16_t *crc)
{
    ota_run_t run;
    int code = begin(&run, boot);

    if (code != 0 || len > boot->layout.bank_size || file_off > boot->layout.bank_size - len) {
        return OTA_BOOT_PARAM_FAIL;
    }
    run.state.request.file_off = file_off;
    return ota_file_crc(&run, ota_file_address(&run), len, crc) != 0 ? OTA_BOOT_PARAM_FAIL : 0;
}

/* --- a start */

static int whole_image(ota_run_t *run)
{
    uint16_t crc;

    if (ota_file_crc(run, ota_file_address(run), run->state.request.len, &crc) != 0) {
        return OTA_IMAGE_COPY_FAIL;
    }
    return crc == run->state.request.crc ? OTA_UPDATER_OK : OTA_IMAGE_CRC_FAIL;
}

static int apply(ota_run_t *run)
{
    int code = refused(&run->boot->layout, &run->state.request);

    if (code != 0) {
        return code;
    }
    switch (run->state.request.upg_flag) {
    case OTA_UPGRADE_XZ:
        return ota_xz_main(run);
    case OTA_UPGRADE_DIFF:
        return ota_nbpatch_main(run);
    default:
        return whole_image(run);
    }
}

static int succeeded(ota_run_t *run)
{
    ota_boot_state_t *state = &run->state;

    memcpy(state->old_ver, state->ver, sizeof(state->ver));
    memcpy(state->ver, state->request.ver, sizeof(state->ver));
    state->rollback = state->target != state->bank;
    state->bank = state->target;
    state->trial = 1;
    state->boot_count = 0;
    end_of_request(state, OTA_UPDATER_OK);
    return ota_state_store(run);
}

/* 0: go on and start the active bank. */
static int failed(ota_run_t *run, const ota_boot_state_t *before, int code)
{
#ifdef OTA_BOOT_VENDOR_FAULTS
    uint32_t sequence = run->state.sequence;

    run->state = *before; /* what was stored meanwhile is forgotten */
    run->state.sequence = sequence;
#else
    (void)before;
#endif
    if (spoiled(&run->state)) {
        return code;
    }
    if (run->flash_failed && run->state.attempts + 1 < OTA_BOOT_ATTEMPTS) {
        run->state.attempts++;
        return ota_state_store(run) != 0 ? OTA_BOOT_PARAM_FAIL : code;
    }
    end_of_request(&run->state, code);
    return ota_state_store(run);
}

static int upgrade(ota_run_t *run)
{
    const ota_boot_state_t before = run->state;
    int code;

    ota_log(run, "upgrade of kind", run->state.request.upg_flag);
    code = apply(run);
    ota_log(run, "upgrade ends with", code);
    return code == OTA_UPDATER_OK ? succeeded(run) : failed(run, &before, code);
}

static int count_trial(ota_run_t *run)
{
    ota_boot_state_t *state = &run->state;

    if (state->boot_count < OTA_BOOT_ATTEMPTS) {
        state->boot_count++;
        ota_log(run, "new version on trial, start", (int32_t)state->boot_count);
        return ota_state_store(run);
    }
    if (state->rollback == 0) {
        ota_log(run, "new version is not confirmed, and there is none to go back to; starts", (int32_t)state->boot_count);
        return 0;
    }
    {
        char unwanted[sizeof(state->ver)];

        memcpy(unwanted, state->ver, sizeof(unwanted));
        memcpy(state->ver, state->old_ver, sizeof(unwanted));
        memcpy(state->old_ver, unwanted, sizeof(unwanted));
    }
    state->bank ^= 1u;
    state->trial = state->rollback = state->boot_count = 0;
    state->result = OTA_BOOT_ROLLED_BACK;
    ota_log(run, "new version is not confirmed, back to bank", (int32_t)state->bank);
    return ota_state_store(run);
}

int ota_boot_run(ota_boot_t *boot)
{
    ota_run_t run;
    int code = begin(&run, boot);

    if (code == 0 && run.state.request.upg_flag != 0) {
        code = upgrade(&run);
    }
    if (code == 0 && run.state.trial != 0) {
        code = count_trial(&run);
    }
    if (code != 0) {
        return code;
    }
    ota_log(&run, "start bank", (int32_t)run.state.bank);
    return (int)run.state.bank;
}
