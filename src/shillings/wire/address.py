"""Where the application layer listens: `tcp://host:port` or `unix:///path`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from shillings.base.errors import SettingsError


@dataclass(frozen=True)
class Address:
    """One end of a stream. `path` is set for a Unix socket, `host` and `port` for TCP."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address.

        Raises:
            SettingsError: it is neither `tcp://host:port` nor `unix:///path`.
        """
        wrong = SettingsError(f"address {text!r} is neither tcp://host:port nor unix:///path")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise wrong from None
        if parts.scheme == "unix" and parts.path.startswith("/") and not parts.netloc:
            return cls(path=parts.path)
        if parts.scheme == "tcp" and parts.hostname and port is not None and not parts.path:
            return cls(host=parts.hostname, port=port)
        raise wrong

    def __str__(self) -> str:
        if self.path:
            return f"unix://{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    async def connect(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Open a connection here and hand it to a new protocol. Raises OSError."""
        loop = asyncio.get_running_loop()
        if self.path:
            await loop.create_unix_connection(protocol, self.path)
        else:
            await loop.create_connection(protocol, self.host, self.port)

    async def listen(self, protocol: Callable[[], asyncio.Protocol]) -> asyncio.Server:
        """Accept connections here, each handed to a new protocol. Raises OSError."""
        loop = asyncio.get_running_loop()
        if self.path:
            return await loop.create_unix_server(protocol, self.path)
        return await loop.create_server(protocol, self.host, self.port)
