"""The ``aos-ota`` command: one file a verb. The only place that prints to a person."""
