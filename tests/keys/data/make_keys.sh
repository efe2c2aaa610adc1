#!/bin/sh
# Makes every key in this folder, with OpenSSL 3. The keys are for tests only: their private halves are public.
# Running it again makes NEW keys: run ../../images/data/make_golden.sh after it, and change GOLDEN_FINGERPRINT in
# test_public_key.py to what the last line prints.
set -eu
cd "$(dirname "$0")"

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem
openssl rsa -in private.pem -traditional -out private-pkcs1.pem
openssl pkey -in private.pem -outform DER -out private.der
openssl pkcs8 -topk8 -in private.pem -v2 aes-256-cbc -passout 'pass:correct horse' -out private-encrypted.pem
openssl pkcs8 -topk8 -in private.pem -v2 aes-256-cbc -passout 'pass:correct horse' -outform DER -out private-encrypted.der
openssl rsa -in private.pem -traditional -aes128 -passout 'pass:correct horse' -out private-pkcs1-encrypted.pem

openssl pkey -in private.pem -pubout -out public.pem
openssl pkey -in private.pem -pubout -outform DER -out public.der
openssl rsa -in private.pem -RSAPublicKey_out -out public-pkcs1.pem
openssl rsa -in private.pem -RSAPublicKey_out -outform DER -out public-pkcs1.der
openssl rsa -in public.pem -pubin -noout -modulus > public-modulus.txt
openssl pkey -in public.pem -pubin -noout -text > public-text.txt

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out other-private.pem
openssl pkey -in other-private.pem -pubout -out other-public.pem

# Keys that devices cannot use.
for bits in 1024 2047 3072; do
    openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$bits" -out "rsa$bits-private.pem"
    openssl pkey -in "rsa$bits-private.pem" -pubout -out "rsa$bits-public.pem"
done
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3 -out e3-private.pem
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss-private.pem
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec-private.pem
openssl genpkey -algorithm ED25519 -out ed25519-private.pem
for name in e3 pss ec ed25519; do
    openssl pkey -in "$name-private.pem" -pubout -out "$name-public.pem"
done
openssl req -x509 -key private.pem -subj /CN=test -days 36500 -out certificate.pem

openssl pkey -in public.pem -pubin -outform DER | sha256sum
