"""Reads and writes files: bounded reading, sets of files as one transaction, locks, JSON and YAML with places, git.

From outside: any module. Product code writes files through ``transaction`` and ``folders`` only; ``steps`` is theirs.
"""
