"""Reading and writing files: size limits, transactions, locks, JSON and YAML with places, git.

From outside: any module. Product code writes files through ``transaction`` and ``folders`` only; ``steps`` is theirs.
"""
