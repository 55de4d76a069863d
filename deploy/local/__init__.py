"""Servers on this machine, for tests, benchmarks and `make prod-local`: no container, no system service.

Every server listens on the loopback interface at a port of its own, keeps its files in a directory of its own,
runs as the user who started it, and ends with the process that started it.
"""
