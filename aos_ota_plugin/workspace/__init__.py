"""Reads an AliOS Things workspace the way aos-tools does: components, their order, their settings, the flash.

``packages``, ``conditions`` and ``merge`` work on texts and values; ``disk``, ``find``, ``solution`` and two
functions of ``partitions`` look at files.
"""
