"""Transfers over a serial line: Ymodem, and the menu of the second boot stage that receives with it.

From outside: ``sender``, ``receiver``, ``boot_menu``, ``line``, ``serial_port``. Imports only errors.
"""
