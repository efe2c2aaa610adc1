"""The ``aos-ota`` command: one file a verb. The only place that prints to a person.

From outside: ``entry.entry`` alone. Verbs share ``options``, ``output``, ``ending`` and
``transfer_bar``, and nothing of each other.
"""
