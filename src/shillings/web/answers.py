"""A reply with the headers around it, as it goes over the wire."""

from http import HTTPStatus
from typing import NamedTuple

from shillings.web.asgi import Headers
from shillings.web.replies import Reply

CLOSE = (b"connection", b"close")

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class Answer(NamedTuple):
    """A reply and the headers around it.

    Args:
        reply: of a mount.
        shared: the headers that all replies of the mount have.
        shared_lines: these, as they are sent.
        request_id: of the request.
        further: headers of this answer alone, beside the reply's own.
    """

    reply: Reply
    shared: Headers
    shared_lines: bytes
    request_id: bytes
    further: Headers

    @property
    def headers(self) -> Headers:
        """All of them."""
        length = b"%d" % len(self.reply.body)
        always = [(b"content-length", length), (b"x-request-id", self.request_id)]
        return [*self.shared, *always, *self.reply.headers, *self.further]

    @property
    def closes(self) -> bool:
        """Whether the connection is closed after it, whatever the client asked for."""
        return CLOSE in self.reply.headers

    def as_bytes(self, of_server: bytes = b"", *, keep_alive: bool, with_body: bool) -> bytes:
        """The whole answer.

        Args:
            of_server: further headers, as they are sent.
            keep_alive: whether the connection is kept; if not, the answer says so.
            with_body: whether the body is sent, or only what the head says of it.
        """
        reply = self.reply
        own = [*reply.headers, *self.further]
        if not keep_alive and CLOSE not in own:
            own.append(CLOSE)
        head = b"%s%s%scontent-length: %d\r\nx-request-id: %s\r\n%s\r\n" % (
            _STATUS_LINES[reply.status], of_server, self.shared_lines, len(reply.body), self.request_id,
            header_lines(own) if own else b"",
        )  # fmt: skip
        return head + reply.body if with_body else head


def header_lines(headers: Headers) -> bytes:
    """Headers as they are sent. Raises ValueError where a value would begin a line of its own."""
    lines = b"".join([b"%s: %s\r\n" % header for header in headers])
    if lines.count(b"\n") != len(headers) or lines.count(b"\r") != len(headers):
        raise ValueError("the value of a header has a line break in it")
    return lines
