"""What a server answers to a packet of statements, read in bulk.

PyMySQL reads twice and makes an object for each column and each row, and describes columns that nobody asks about: half
of what a history's thread did. This takes whatever has arrived in one read, and goes through it once. Values, errors
and lost connections are the driver's own, kind for kind: tests/unit/storage/test_mysql_answers.py holds the two against
each other.

What PyMySQL keeps to itself and this uses: `_execute_command`, `_rfile`, `_force_close` and `server_status`. Reading
and writing have the same time limit (engines/mysql.py), so there is none to be set in between.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from pymysql import converters, err
from pymysql.connections import MAX_PACKET_LEN, TEXT_TYPES
from pymysql.constants import COMMAND, CR, FIELD_TYPE, SERVER_STATUS

from shillings.storage.engines.base import Rows

_READ_BYTES = 1 << 16

_OK, _NULL, _LOCAL_FILE, _END, _ERROR = 0x00, 0xFB, 0xFB, 0xFE, 0xFF
_END_BYTES_MAX = 8
"""0xFE may also begin a row: as the first byte of a value's length, of which eight more follow."""

_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""A length below 251 is one byte. A longer one is as many bytes as this says of the first."""

_BINARY = 63
"""The character set of what is no text."""

_Convert = Callable[[bytes], Any] | None


def ask(driver: Any, packet: str) -> list[Rows]:
    """Send statements on a connection of PyMySQL's; return each one's rows. The server stops at the first that fails.

    Raises:
        pymysql.MySQLError: what the server says, or that the connection was lost; then it is closed.
    """
    driver._execute_command(COMMAND.COM_QUERY, packet)  # noqa: SLF001
    try:
        return _Answers(driver).read()
    except err.MySQLError:
        raise
    except LookupError:
        driver._force_close()  # noqa: SLF001
        raise err.InternalError("Packet that is cut short") from None
    except BaseException:
        # Nobody knows where among the packets it stopped.
        driver._force_close()  # noqa: SLF001
        raise


class _Answers:
    """The answers to what was just sent, and how far they have been read."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._data = b""
        self._at = 0
        self._number = 1
        self._more = True

    def read(self) -> list[Rows]:
        """Every statement's rows."""
        answers: list[Rows] = []
        while self._more:
            first = self._packet()
            if first[0] == _OK:
                at = _skip_number(first, _skip_number(first, 1))
                self._driver.server_status = self._note_status(first, at)
                answers.append(())
            elif first[0] == _LOCAL_FILE:
                raise self._lost_place("Got a request for a file")
            else:
                answers.append(self._rows(_number(first)))
        return answers

    def _rows(self, columns: int) -> Rows:
        convert = [_converter(self._packet()) for _ in range(columns)]
        if not _is_end(self._packet()):
            raise self._lost_place("Columns without an end")
        rows: list[Sequence[Any]] = []
        while not _is_end(packet := self._packet()):
            row, end = _row(packet, convert)
            if end != len(packet):
                raise self._lost_place("Row of another length than its values")
            rows.append(row)
        self._note_status(packet, 3)
        return tuple(rows)

    def _note_status(self, packet: bytes, at: int) -> int:
        status = int.from_bytes(packet[at : at + 2], "little")
        self._more = bool(status & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS)
        return status

    def _packet(self) -> bytes:
        """The next packet, without its head: three bytes for its length, and its number."""
        size = 4
        while len(self._data) < self._at + size:
            self._read_on(size)
        head = self._data[self._at : self._at + 4]
        if head[3] != self._number:
            raise self._misnumbered(head[3])
        self._number = (self._number + 1) & 0xFF
        size += (length := int.from_bytes(head[:3], "little"))
        while len(self._data) < self._at + size:
            self._read_on(size)
        packet = self._data[self._at + 4 : self._at + size]
        self._at += size
        if length == MAX_PACKET_LEN:
            return packet + self._packet()
        if packet[0] == _ERROR:
            err.raise_mysql_exception(packet)
        return packet

    def _read_on(self, size: int) -> None:
        """Take what has arrived, or wait for it; all that is missing, where that is much."""
        missing = size - (len(self._data) - self._at)
        file = self._driver._rfile  # noqa: SLF001
        try:
            read = file.read1(_READ_BYTES) if missing <= _READ_BYTES else file.read(missing)
        except OSError as error:
            raise self._lost(f" ({error})") from None
        if not read:
            raise self._lost("")
        self._data = self._data[self._at :] + read
        self._at = 0

    def _lost(self, why: str) -> err.OperationalError:
        self._driver._force_close()  # noqa: SLF001
        return err.OperationalError(CR.CR_SERVER_LOST, f"Lost connection to MySQL server during query{why}")

    def _misnumbered(self, number: int) -> err.MySQLError:
        if number == 0:
            return self._lost("")  # A server that stops says so in a packet with this number.
        return self._lost_place(f"Packet sequence number wrong - got {number} expected {self._number}")

    def _lost_place(self, why: str) -> err.InternalError:
        self._driver._force_close()  # noqa: SLF001
        return err.InternalError(why)


def _is_end(packet: bytes) -> bool:
    return packet[0] == _END and len(packet) <= _END_BYTES_MAX


def _row(packet: bytes, convert: list[_Convert]) -> tuple[tuple[Any, ...], int]:
    """One row, and where it ends."""
    row: list[Any] = []
    at = 0
    for make in convert:
        size = packet[at]
        at += 1
        if size >= _NULL:
            if size == _NULL:
                row.append(None)
                continue
            width = _WIDTHS[size]
            size = int.from_bytes(packet[at : at + width], "little")
            at += width
        value = packet[at : at + size]
        at += size
        row.append(make(value) if make else value)
    return tuple(row), at


def _number(packet: bytes) -> int:
    width = _WIDTHS.get(packet[0])
    return packet[0] if width is None else int.from_bytes(packet[1 : 1 + width], "little")


def _skip_number(packet: bytes, at: int) -> int:
    return at + 1 + _WIDTHS.get(packet[at], 0)


def _converter(column: bytes) -> _Convert:
    """What makes a value of a column's bytes; None where it is the bytes themselves.

    A description ends with the character set (2 bytes), length (4), type (1), flags (2), scale (1), and 2 more.
    """
    return _CONVERTERS[column[-6], int.from_bytes(column[-12:-10], "little") == _BINARY]


def _make_converter(field_type: int, is_binary: bool) -> _Convert:
    """As PyMySQL chooses them. The connection's character set is utf8mb4, always."""
    convert: Any = converters.decoders.get(field_type, converters.through)
    if convert is Decimal:
        return lambda value: Decimal(value.decode())
    if convert is not converters.through:
        return convert  # type: ignore[no-any-return]  # They take digits and dates as bytes, too.
    return None if is_binary and field_type in TEXT_TYPES and field_type != FIELD_TYPE.JSON else bytes.decode


_CONVERTERS = {
    (field_type, is_binary): _make_converter(field_type, is_binary)
    for field_type in range(256)
    for is_binary in (False, True)
}
