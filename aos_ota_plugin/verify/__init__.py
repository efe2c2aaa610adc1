"""Checks of kept releases (files, statement, keys, a rebuild) and of what a build needs.

From outside: ``release.Verification``, ``rebuild``, ``key_chain``, ``describe.inspect``.
"""
