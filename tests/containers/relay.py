"""Carries connections from this machine's loopback interface into another network namespace.

A program: relay.py PORT PROCESS HOST PORT_THERE
"""

import asyncio
import contextlib
import ctypes
import socket
import sys
from pathlib import Path


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that comes; the end of it, too."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


def enter_network(process: int) -> None:
    """Make every socket from now on where that process makes its own."""
    with Path(f"/proc/{process}/ns/net").open() as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")


async def main(port: int, process: int, host: str, port_there: int) -> None:
    """Listen here, connect there."""
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    # A socket stays in the namespace in which it was made.
    enter_network(process)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                there_reader, there_writer = await asyncio.open_connection(host, port_there)
            except OSError:
                return
            with contextlib.closing(there_writer):
                await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))

    server = await asyncio.start_server(carry, sock=listener)
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
