"""Let the AMQP client read messages whose properties it cannot decode.

Otherwise it ends the connection, and the broker sends the same message by the next one, for ever:
nothing behind that message would arrive.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any

from pamqp import decode, header

Decoded = tuple[int, Any]
"""How many bytes were used, and the value."""

# The lengths of values in a table, by their types; those of the others stand before them.
_LENGTHS: Mapping[bytes, int] = {
    **dict.fromkeys((b"V", b"\0"), 0),
    **dict.fromkeys((b"t", b"b", b"B"), 1),
    **dict.fromkeys((b"s", b"u"), 2),
    **dict.fromkeys((b"I", b"i", b"f"), 4),
    b"D": 5,
    **dict.fromkeys((b"l", b"L", b"d", b"T"), 8),
}
_FAILURES = (ValueError, ArithmeticError, OSError, RecursionError, struct.error)


def read_odd_properties() -> None:
    """Replace the client's functions that decode flags, texts, times and tables."""
    decode.METHODS.update(shortstr=_short_text, timestamp=_time, table=_table)
    decode.TABLE_MAPPING[b"T"] = _time
    header.ContentHeader._get_flags = staticmethod(_flags)  # type: ignore[method-assign]


def _flags(data: bytes) -> tuple[int, int]:
    """Decode the flags: one word, as for the broker, though its last bit announces another."""
    return 2, int.from_bytes(data[:2]) & ~1


def _short_text(data: bytes) -> Decoded:
    end = data[0] + 1
    return end, _text(data[1:end])


def _text(octets: bytes) -> str:
    """Decode a text; what is no UTF-8 becomes question marks, which make it no longer."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode(errors="replace").replace("\ufffd", "?")


def _or_nothing(read: Callable[[bytes], Decoded], data: bytes, length: int) -> Decoded:
    try:
        return read(data)
    except _FAILURES:
        return length, None


def _time(data: bytes) -> Decoded:
    """Decode a time; one that lies too far away becomes None."""
    return _or_nothing(decode.timestamp, data, 8)


def _table(data: bytes) -> Decoded:
    """Decode the headers; values that cannot be decoded become None."""
    end = int.from_bytes(data[:4]) + 4
    table: dict[str, Any] = {}
    at = 4
    while at < end:
        begin = at + 1 + data[at]
        name = _text(data[at + 1 : begin])
        kind = data[begin : begin + 1]
        length = _LENGTHS.get(kind)
        if length is None:
            length = 4 + int.from_bytes(data[begin + 1 : begin + 5])
        at = begin + 1 + length
        _, table[name] = _or_nothing(decode.embedded_value, data[begin:at], length)
    return end, table
