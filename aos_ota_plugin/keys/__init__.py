"""Public keys as devices hold them, and the signers that own the other half."""
