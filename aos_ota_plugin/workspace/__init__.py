"""An AliOS Things workspace as aos-tools reads it: components, their order and settings, the flash.

``packages``, ``conditions`` and ``merge`` work on texts and values; ``disk``, ``find``, ``solution`` and two
functions of ``partitions`` read files.
"""
