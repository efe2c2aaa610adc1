"""The image formats: bytes in and bytes out, builder and parser of a format side by side.

From outside: ``full``, ``info``, ``xz``, ``diff``, ``pack``, ``multi``, and ``inspect`` for the content of an image.
"""
