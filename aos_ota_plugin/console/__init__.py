"""Progress, prompts and escaped characters on the terminal, shown by all outer rooms in the same way.

From outside: ``progress.WorkProgress``, ``transfer_bar.transfer_bar``, ``prompt.ask_secret``,
``streams.escape_unencodable``.
"""
