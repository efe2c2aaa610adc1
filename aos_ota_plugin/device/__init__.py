"""The rules by which a device accepts an image, and the reading of ELF files.

From outside: ``acceptance.judge``, ``updater.judge_update``, ``version``, ``elf``, ``flat_binary``, ``limits``.
"""
