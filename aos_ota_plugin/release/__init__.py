"""Makes and proves a release: payload, ELF, keys and base in, images and manifest out. Pure: no file, clock or print.

From outside: ``request`` (the four parts), ``make.make_release``, ``manifest.Manifest``, ``push.push_message``,
``transfer``.
"""
