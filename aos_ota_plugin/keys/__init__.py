"""Keys: public keys as devices hold them, signers (files, tokens, programs), key rings, approvals, and loading them.

From outside: ``load`` (files, tokens and programs to keys), ``rsa.PublicKey``, ``signer.Signer``, ``ring.KeyRing``,
``secret.Secret``.
"""
