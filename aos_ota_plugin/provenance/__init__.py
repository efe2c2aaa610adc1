"""Documents on a release's origin: components, statement and envelope, bytes in and bytes out.

From outside: ``statement``, ``dsse``, ``cyclonedx``, ``component``.
"""
