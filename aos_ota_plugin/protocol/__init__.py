"""The platform's words: the push message, what devices report, topics, logins, module names and limits.

From outside: any module. Functions on bytes and frozen values, without I/O.
"""
