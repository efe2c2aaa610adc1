"""What a release says of where it comes from: components, statement and envelope, bytes in and bytes out.

From outside: ``statement``, ``dsse``, ``cyclonedx``, ``component``.
"""
