"""A local copy of the platform: broker, image server, rollouts and their HTTP API.

The core (`rules`, `rollout`, `connect_packet`, `faults`) is functions on frozen values; sockets, processes, threads and
the database are in the rest. From outside: ``server``, ``client``, ``data_folder``.
"""
