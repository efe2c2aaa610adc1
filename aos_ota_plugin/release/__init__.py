"""Making and proving releases: from payload, ELF, keys and base release to images and manifest.

Nothing here reads or writes files, reads the clock or prints. Other rooms use ``request`` (the four parts of the
input), ``make.make_release``, ``manifest.Manifest``, ``push.push_message`` and ``transfer``.
"""
