"""Free ports of the loopback interface."""

import random
import socket
import threading

# Below the range from which the kernel takes the local ends of outgoing connections (it starts at 32768): a port
# of that range may be free when it is looked at, and taken by some client's connection a moment later.
_LOWEST, _HIGHEST = 20_000, 32_000

_lock = threading.Lock()
_handed_out: set[int] = set()
_random = random.SystemRandom()


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A free port, never the same twice in one process, unlikely the same in two."""
    with _lock:
        for _ in range(1000):
            port = _random.randint(_LOWEST, _HIGHEST)
            if port not in _handed_out and is_free(port):
                _handed_out.add(port)
                return port
    raise OSError(f"no free port between {_LOWEST} and {_HIGHEST}")
