"""The settings, and their values from ``ota.config``, ``package.yaml``, the command line and secrets.

``fields`` is the table of settings. Readers (``sources``, ``secretfile``) turn texts into ``RawSetting`` values with
their places; ``resolve`` turns layers of them into a frozen ``OtaSettings``. The layers from lowest to highest: the
table's defaults, ``ota.config``, ``def_config`` as aos merges it, the command line.
"""
