"""What settings there are, and where values come from: ``ota.config``, ``package.yaml``, the command line, and secrets.

``fields`` is the table of settings. Readers (``sources``, ``secretfile``) turn texts into ``RawSetting`` values that
know their place; ``resolve`` turns layers of them into one frozen ``OtaSettings``. Lowest to highest: the table's
default, ``ota.config``, ``def_config`` as aos merges it, command line.
"""
