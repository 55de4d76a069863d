"""What clients see: one request by each of the HTTP clients that people use, told in a few words of ours.

Words: `200 ok` and the like for an answer in the API's shape; `200 garbled` for one that cannot be read; `reset`,
`closed` (without a byte), `truncated` and `timeout` for none.
"""

import http.client
import json
import socket
import struct
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import httpx2
import requests

See = Callable[[str, str, bytes, Mapping[str, str], float], str]
"""`(method, url, body, headers, timeout_s) -> what was seen`."""


def through_requests(method: str, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> str:
    """By requests."""
    try:
        answer = requests.request(method, url, data=body, headers=dict(headers), timeout=timeout_s)
    except requests.exceptions.ReadTimeout:
        return "timeout"
    except requests.exceptions.ChunkedEncodingError:
        return "truncated"
    except requests.exceptions.ConnectionError as error:
        # What urllib3 says is wrapped twice.
        return "closed" if "RemoteDisconnected" in repr(error) else "reset" if "reset" in repr(error) else repr(error)
    return _told(answer.status_code, answer.content)


def through_httpx2(method: str, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> str:
    """By httpx2."""
    try:
        with httpx2.Client(timeout=timeout_s, trust_env=False) as client:
            answer = client.request(method, url, content=body, headers=dict(headers))
    except httpx2.ReadTimeout:
        return "timeout"
    except httpx2.ReadError:
        return "reset"
    except httpx2.RemoteProtocolError as error:
        return "truncated" if "incomplete" in str(error) or "complete message body" in str(error) else "closed"
    return _told(answer.status_code, answer.content)


def through_stdlib(method: str, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> str:
    """By http.client."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=timeout_s)
    try:
        connection.request(method, parts.path, body, dict(headers))
        answer = connection.getresponse()
        return _told(answer.status, answer.read())
    except http.client.RemoteDisconnected:
        return "closed"
    except ConnectionResetError:
        return "reset"
    except http.client.IncompleteRead:
        return "truncated"
    except TimeoutError:
        return "timeout"
    finally:
        connection.close()


def through_socket(method: str, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> str:
    """By a bare socket, which reads until the answer is whole or the connection ends."""
    parts = urlsplit(url)
    lines = [f"{method} {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection((str(parts.hostname), parts.port), timeout=timeout_s) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        got = b""
        try:
            while not _is_whole(got):
                more = connection.recv(65_536)
                if not more:
                    return "truncated" if got else "closed"
                got += more
        except ConnectionResetError:
            return "reset"
        except TimeoutError:
            return "timeout"
        # Nothing is left that the other end could complain of.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
    head, _, content = got.partition(b"\r\n\r\n")
    return _told(int(head.split(b" ")[1]), content)


CLIENTS: dict[str, See] = {
    "requests": through_requests,
    "httpx2": through_httpx2,
    "stdlib": through_stdlib,
    "socket": through_socket,
}


def _is_whole(got: bytes) -> bool:
    head, end, content = got.partition(b"\r\n\r\n")
    if not end:
        return False
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return len(content) >= int(fields[b"content-length"])


def _told(status: int, content: bytes) -> str:
    try:
        return f"{status} {json.loads(content)['status']['code']}"
    except (ValueError, KeyError, TypeError):
        return f"{status} garbled"
