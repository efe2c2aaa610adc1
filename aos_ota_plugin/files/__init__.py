"""Reads and writes files: bounded reading, atomic writes and sets of files, locks, JSON and YAML with places, git.

From outside: any module. Product code writes files through ``atomic``, ``transaction`` and ``new_files`` only.
"""
