"""The other end: a platform of one's own on this machine (broker, image server, rollouts), and models of devices.

The core (`login`, `rules`, `rollout`, `messages`, `connect_packet`, `faults`) is functions on frozen values; sockets,
processes, threads and the database are in the rest.
"""
