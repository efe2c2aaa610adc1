"""What a build does on disk: settings to keys and sources, the chip's image step, the release, and its files in place.

From outside: ``build.build_release`` and ``build.recover`` (a build's end and beginning), ``site.Site``, ``rendering``,
``keyset``.
"""
