"""Where values come from: Kconfig, ``ota.config``, ``package.yaml``, the command line, and secrets.

Readers (``sources``, ``secretfile``) turn texts into ``RawSetting`` values that know their place; ``resolve``
turns layers of them into one frozen ``OtaSettings``. Lowest to highest: Kconfig default, ``ota.config``,
``def_config`` as aos merges it, command line.
"""
