"""Answers read in bulk are what PyMySQL reads packet by packet: values, errors, and connections that are closed."""

import io
from collections.abc import Iterator
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import pymysql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymysql.constants import CR, FIELD_TYPE

from shillings.storage.engines import mysql_answers

UTF8, BINARY = 45, 63
MORE, LAST = 0x000A, 0x0002
"""What a server's status says: more answers follow; it commits by itself."""


class Script(io.RawIOBase):
    """What a server says, in the pieces in which it arrives; then the end, or an error."""

    def __init__(self, pieces: list[bytes], error: OSError | None = None) -> None:
        self._pieces = [piece for piece in pieces if piece]
        self._error = error

    def readable(self) -> bool:
        """See io."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See io."""
        if not self._pieces:
            if self._error:
                raise self._error
            return 0
        piece = self._pieces.pop(0)
        size = min(len(buffer), len(piece))
        buffer[:size] = piece[:size]
        if piece[size:]:
            self._pieces.insert(0, piece[size:])
        return size


class Sink:
    """A socket that takes everything."""

    def sendall(self, data: bytes) -> None:
        """See socket."""

    def settimeout(self, seconds: float) -> None:
        """See socket."""

    def close(self) -> None:
        """See socket."""


def connection(script: Script) -> Any:
    """A connection of the driver's to a server that says this."""
    made: Any = pymysql.Connection(user="x", charset="utf8mb4", defer_connect=True)
    made._sock, made._rfile, made._current_timeout = Sink(), io.BufferedReader(script), None
    made.server_status = 0
    return made


def read_by_driver(driver: Any) -> list[Any]:
    """What PyMySQL makes of the answers."""
    driver.query("SELECT 1")
    answers = [driver._result.rows or ()]
    while driver._result.has_next:
        driver.next_result()
        answers.append(driver._result.rows or ())
    return answers


def outcome(read: Any, driver: Any) -> tuple[Any, ...]:
    """What came of reading: values or the error, whether the connection is open, and whether it commits by itself."""
    try:
        result = [[tuple(row) for row in rows] for rows in read(driver)]
    except pymysql.MySQLError as error:
        return type(error), error.args, driver.open
    return result, driver.open, driver.get_autocommit()


def both(pieces: list[bytes], error: OSError | None = None) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The outcome in bulk, and the driver's."""
    return (
        outcome(lambda driver: mysql_answers.ask(driver, "SELECT 1"), connection(Script(pieces, error))),
        outcome(read_by_driver, connection(Script(pieces, error))),
    )


def number(value: int) -> bytes:
    """A number as the protocol writes lengths."""
    if value < 251:
        return bytes([value])
    head, width = next((head, width) for head, width in ((0xFC, 2), (0xFD, 3), (0xFE, 8)) if value < 1 << 8 * width)
    return bytes([head]) + value.to_bytes(width, "little")


def text(value: bytes | None) -> bytes:
    """A value as the protocol writes it in a row."""
    return b"\xfb" if value is None else number(len(value)) + value


def column(kind: int, charset: int) -> bytes:
    """The description of a column."""
    names = b"".join(map(text, [b"def", b"shillings", b"t", b"table", b"c", b"column"]))
    return names + b"\x0c" + charset.to_bytes(2, "little") + (80).to_bytes(4, "little") + bytes([kind]) + bytes(5)


def end(status: int) -> bytes:
    """What ends columns and rows."""
    return b"\xfe\0\0" + status.to_bytes(2, "little")


def done(affected: int, status: int) -> bytes:
    """The answer to what has no rows."""
    return b"\0" + number(affected) + number(0) + status.to_bytes(2, "little") + b"\0\0"


def failed(code: int, sentence: str) -> bytes:
    """An error of the server's."""
    return b"\xff" + code.to_bytes(2, "little") + b"#HY000" + sentence.encode()


def numbered(payloads: list[bytes]) -> bytes:
    """Payloads as packets; one that is too long for a packet is several."""
    limit, stream, count = 0xFFFFFF, bytearray(), 1
    for payload in payloads:
        for at in range(0, len(payload) + 1, limit):
            part = payload[at : at + limit]
            stream += len(part).to_bytes(3, "little") + bytes([count % 256]) + part
            count += 1
    return bytes(stream)


COLUMNS: dict[tuple[int, int], list[bytes]] = {
    (FIELD_TYPE.LONGLONG, BINARY): [b"0", b"-9223372036854775808", b"18446744073709551615"],
    (FIELD_TYPE.TINY, BINARY): [b"0", b"1"],
    (FIELD_TYPE.NEWDECIMAL, BINARY): [b"0", b"-12.50", b"1" * 65],
    (FIELD_TYPE.DOUBLE, BINARY): [b"0.1", b"-1e308"],
    (FIELD_TYPE.DATETIME, BINARY): [b"2026-01-02 03:04:05.000006", b"0000-00-00 00:00:00"],
    (FIELD_TYPE.DATE, BINARY): [b"2026-01-02"],
    (FIELD_TYPE.TIME, BINARY): [b"-25:06:17"],
    (FIELD_TYPE.STRING, BINARY): [b"", b"\xff" * 250, bytes(251), bytes(range(256))],
    (FIELD_TYPE.LONG_BLOB, BINARY): [b"x" * size for size in (65_535, 65_536, 70_000)],
    (FIELD_TYPE.VAR_STRING, UTF8): [b"", ("\u00e9" * 126).encode(), "\U0001f4b7".encode()],
    (FIELD_TYPE.BLOB, UTF8): ["\u00e9".encode()],
    (FIELD_TYPE.JSON, BINARY): ['{"a": "\u00e9"}'.encode()],
    (FIELD_TYPE.ENUM, UTF8): [b"open"],
}
"""What servers write for each type of column and character set."""


@st.composite
def answers(draw: st.DrawFn) -> list[bytes]:
    """The payloads of a server's answers to some statements, of which the last may fail."""
    payloads: list[bytes] = []
    count = draw(st.integers(1, 4))
    fails = draw(st.sampled_from(["no", "at first", "among the rows"]))
    for statement in range(count):
        is_last = statement == count - 1
        status = LAST if is_last else MORE
        if is_last and fails == "at first":
            return [*payloads, failed(1062, "Duplicate entry 'x' for key 'y'")]
        if draw(st.booleans()):
            payloads.append(done(draw(st.sampled_from([0, 1, 250, 251, 70_000, 1 << 24])), status))
            continue
        kinds = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=1, max_size=5))
        payloads += [number(len(kinds)), *[column(*kind) for kind in kinds], end(status)]
        for _ in range(draw(st.integers(0, 4))):
            payloads.append(b"".join([text(draw(st.sampled_from([None, *COLUMNS[kind]]))) for kind in kinds]))
        if is_last and fails == "among the rows":
            return [*payloads, failed(1317, "Query execution was interrupted")]
        payloads.append(end(status))
    return payloads


@settings(max_examples=40)
@given(payloads=answers(), data=st.data())
def test_answers_are_the_drivers(payloads: list[bytes], data: st.DataObject) -> None:
    """Whatever a server answers, and in whatever pieces it arrives, both make the same of it."""
    stream = numbered(payloads)
    at = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    in_bulk, by_driver = both([stream[a:b] for a, b in zip([0, *at], [*at, len(stream)], strict=True)])

    assert in_bulk == by_driver


@settings(max_examples=40)
@given(payloads=answers(), data=st.data())
def test_cut_connections_are_the_drivers(payloads: list[bytes], data: st.DataObject) -> None:
    """A connection that ends, breaks or says nothing at any byte is lost in the same words, and is closed."""
    stream = numbered(payloads)
    error = data.draw(st.sampled_from([None, ConnectionResetError(104, "reset"), TimeoutError("timed out")]))
    in_bulk, by_driver = both([stream[: data.draw(st.integers(0, len(stream) - 1))]], error)

    assert in_bulk == by_driver
    assert in_bulk[0] is pymysql.err.OperationalError
    assert in_bulk[1][0] == CR.CR_SERVER_LOST
    assert not in_bulk[2]


@settings(max_examples=40)
@given(payloads=answers(), data=st.data())
def test_wrong_numbers_are_the_drivers(payloads: list[bytes], data: st.DataObject) -> None:
    """A packet with another number than its place ends the connection; 0 is how a server that stops begins."""
    which, said = data.draw(st.integers(0, len(payloads) - 1)), data.draw(st.integers(0, 255))
    before = numbered(payloads[:which])
    stream = bytearray(numbered(payloads))
    stream[len(before) + 3] = said
    in_bulk, by_driver = both([bytes(stream)])

    assert in_bulk == by_driver


def test_value_longer_than_a_packet_is_whole() -> None:
    """A value that the server must send in several packets arrives as one."""
    long = b"x" * (0xFFFFFF + 10)
    stream = numbered([b"\x01", column(FIELD_TYPE.LONG_BLOB, BINARY), end(LAST), text(long), end(LAST)])
    in_bulk, by_driver = both([stream])

    assert in_bulk == by_driver
    assert in_bulk[0] == [[(long,)]]


def broken() -> Iterator[tuple[str, list[bytes]]]:
    """Answers that no server gives."""
    head = [b"\x01", column(FIELD_TYPE.STRING, BINARY), end(LAST)]
    yield "a file is asked for", [b"\xfb/etc/passwd"]
    yield "columns do not end", [*head[:2], done(0, LAST)]
    yield "a row is too short", [*head, b"\x05abc"]
    yield "a row is too long", [*head, b"\x01abc"]
    yield "a length is none", [*head, b"\xfc\x01"]
    yield "a packet is empty", [*head, b""]


@pytest.mark.parametrize(("_what", "payloads"), list(broken()), ids=[what for what, _ in broken()])
def test_answer_that_makes_no_sense_closes_the_connection(_what: str, payloads: list[bytes]) -> None:
    """Who does not understand a server any more does not go on asking it."""
    driver = connection(Script([numbered([*payloads, end(LAST)])]))

    with pytest.raises(pymysql.err.InternalError):
        mysql_answers.ask(driver, "SELECT 1")
    assert not driver.open


def test_other_errors_close_the_connection() -> None:
    """A value that cannot be converted leaves nothing behind for the next statement to take for its answer."""
    head = [b"\x01", column(FIELD_TYPE.LONG, BINARY), end(LAST)]
    driver = connection(Script([numbered([*head, text(b"seven"), text(b"8"), end(LAST)])]))

    with pytest.raises(ValueError, match="seven"):
        mysql_answers.ask(driver, "SELECT 1")
    assert not driver.open


def test_connection_that_is_closed_says_so() -> None:
    """Who asks on a closed connection gets the driver's own error."""
    driver = connection(Script([]))
    driver._force_close()

    with pytest.raises(pymysql.err.InterfaceError):
        mysql_answers.ask(driver, "SELECT 1")


def test_sums_are_decimals() -> None:
    """MySQL's sums are decimals, as they are with the driver."""
    head = [b"\x01", column(FIELD_TYPE.NEWDECIMAL, BINARY), end(LAST)]
    driver = connection(Script([numbered([*head, text(b"12.50"), end(LAST)])]))

    assert mysql_answers.ask(driver, "SELECT 1") == [((Decimal("12.50"),),)]


def test_driver_is_one_whose_internals_were_read() -> None:
    """Another release than these may have moved what is used of its connections: read them, then say so here."""
    assert version("pymysql").split(".")[:2] in (["1", "1"], ["1", "2"])
