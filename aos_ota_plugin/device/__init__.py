"""What a device accepts: versions, sizes, hashes, signatures under the key in its firmware; and what an ELF file holds.

From outside: ``acceptance.judge``, ``updater.judge_update``, ``version``, ``elf``, ``flat_binary``, ``limits``.
"""
