"""Faults of one line, put into the product one at a time, and the test that has to notice each."""
