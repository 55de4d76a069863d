"""How many connections the process may hold: each takes a file descriptor, and some are needed for everything else."""

import resource

import structlog

RESERVED = 64
"""Descriptors for the listener, logs, metrics, the event loop, and the connections between the layers."""

log = structlog.get_logger(__name__)


def affordable(connections: int) -> int:
    """As many connections as are wanted, or as descriptors allow. The process's soft limit is raised if that helps."""
    wanted = connections + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed >= wanted:
        return connections
    fewer = max(1, allowed - RESERVED)
    log.warning("few_descriptors", open_files=allowed, connections=fewer, wanted=connections)
    return fewer
