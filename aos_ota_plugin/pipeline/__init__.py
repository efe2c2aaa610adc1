"""The parts of a build that use the disk: keys, sources, the chip's image step, the release's files.

From outside: ``build.build_release`` and ``build.recover`` (a build's end and beginning), ``site.Site``, ``rendering``,
``keyset``.
"""
