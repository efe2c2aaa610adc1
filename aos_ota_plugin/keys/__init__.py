"""Public keys, signers (files, tokens, programs), key rings and approvals, and how they are loaded.

Other rooms use ``load`` (files, tokens and programs to keys), ``rsa.PublicKey``, ``signer.Signer``, ``ring.KeyRing``,
``secret.Secret``.
"""
