"""The image formats, bytes in and bytes out, builder and parser side by side.

From outside: ``full``, ``info``, ``xz``, ``diff``, ``pack``, ``multi``, and ``inspect`` for what an image holds.
"""
