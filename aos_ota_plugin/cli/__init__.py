"""The ``aos-ota`` command: one file a verb. The only place that prints to a person.

From outside: ``entry.entry`` alone. Verbs share ``options``, ``output`` and ``signing``, and nothing of
each other; ``verbs`` lists them all.
"""
