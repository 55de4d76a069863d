"""What a client may send, and how slowly: said once, for the web servers, for nginx and for the README.

Everything that is counted in bytes is the same for everybody. What depends on the machine or the network can be set.
"""

from typing import NamedTuple

URL_BYTES_MAX = 8_000
HEADER_BYTES_MAX = 8_000
"""One header: its name and its value."""
HEAD_BYTES_MAX = 32_000
"""The request line and all headers."""
BODY_BYTES_MAX = 64 * 1024
TRAILER_BYTES_MAX = 8_000
"""What comes behind a chunked body, or between two chunks."""

SEND_SECONDS_MAX = 10.0
"""How long an answer waits for a client that takes nothing."""
LINGER_SECONDS_MAX = 2.0
LINGER_BYTES_MAX = 8 * 1024 * 1024
"""After an answer that came before the request's end, how long, and how much of, the rest is read and discarded. A
connection closed with unread bytes is reset, and a reset can take the answer with it."""


class Limits(NamedTuple):
    """What the settings say about connections.

    Args:
        head_seconds: from a connection, or from a later request's first byte, to the end of the head.
        body_seconds: from the end of the head to the end of the body.
        keep_alive_seconds: from an answer to the next request.
        connections: of one web server.
        connections_per_address: of these, from one address; 0 for half of them.
    """

    head_seconds: float = 10.0
    body_seconds: float = 20.0
    keep_alive_seconds: float = 75.0
    connections: int = 8_192
    connections_per_address: int = 0

    @property
    def per_address(self) -> int:
        """How many connections one address may have."""
        return self.connections_per_address or max(1, self.connections // 2)
