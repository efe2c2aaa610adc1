/* verify_main DIGEST SIGNATURE: prints the key that is built in, then "good" or "bad". */
#include <stdio.h>

#include "ota_hal_digest.h"

static void read_file(const char *name, unsigned char *data, size_t size)
{
    FILE *file = fopen(name, "rb");

    if (file == NULL || fread(data, 1, size, file) != size) {
        perror(name);
    }
    fclose(file);
}

static void show(const unsigned char *data, unsigned int size)
{
    while (size-- > 0) {
        printf("%02x", *data++);
    }
    printf("\n");
}

int main(int argc, char *argv[])
{
    unsigned char digest[32] = { 0 };
    unsigned char signature[256] = { 0 };
    int verdict;

    if (argc != 3) {
        return 2;
    }
    read_file(argv[1], digest, sizeof(digest));
    read_file(argv[2], signature, sizeof(signature));
    show(ota_rsa_pubkey_n(), ota_rsa_pubkey_n_size());
    show(ota_rsa_pubkey_e(), ota_rsa_pubkey_e_size());
    verdict = ota_rsa_pubkey_verify(ota_rsa_pubkey_n(), ota_rsa_pubkey_e(), ota_rsa_pubkey_n_size(),
                                    ota_rsa_pubkey_e_size(), digest, sizeof(digest), signature, sizeof(signature));
    printf("%s\n", verdict == 0 ? "good" : "bad");
    return 0;
}
