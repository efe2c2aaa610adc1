"""The platform's messages: push, reports, topics, logins, module names and limits.

From outside: any module. Functions on bytes and frozen values, without I/O.
"""
