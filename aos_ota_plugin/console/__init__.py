"""What every outer room shows in the same way: progress and prompts.

From outside: ``progress.WorkProgress``, ``prompt.ask_secret``.
"""
