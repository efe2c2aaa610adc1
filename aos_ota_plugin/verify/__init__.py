"""Judges kept releases: files against manifest and statement, the chain of keys, a rebuild, and what any file is.

From outside: ``release.Verification``, ``rebuild``, ``key_chain``, ``describe.inspect``.
"""
