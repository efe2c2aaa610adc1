"""Checks of kept releases: files, statement, keys from release to release, and a rebuild.

From outside: ``release.Verification``, ``rebuild``, ``key_chain``, ``describe.inspect``.
"""
