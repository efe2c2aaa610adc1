"""The other end: a platform of one's own on this machine, with broker, image server and rollouts.

The core (`rules`, `rollout`, `connect_packet`, `faults`) is functions on frozen values; sockets, processes, threads and
the database are in the rest. From outside: ``server``, ``client``, ``home``.
"""
