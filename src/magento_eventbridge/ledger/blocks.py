"""The ledger's format: the events of a moment in one block, column by column. Pure.

Packing a column costs a fraction of packing each event by itself.
"""

from array import array
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

# Bytes of an event in each column: id, entity, state, time, detail-type, verdict.
_ID, _KEY, _NUMBER = 16, 8, 4
_RECORD = _ID + _KEY + 2 * _NUMBER + 2


class LedgerRecord(NamedTuple):
    """What is kept of an event.

    Attributes:
        subject: with its store view, as `1/order/000000123`.
        detail_type: its documented name.
        id: the event's, as hexadecimal digits, with or without hyphens.
        entity: the key of the row that it is about.
        state: a digest of what it says; 0: it was not delivered.
        at: when it was settled, in seconds since the epoch.
        verdict: what became of it.
    """

    subject: str
    detail_type: str
    id: str
    entity: int
    state: int
    at: int
    verdict: int


class Block(NamedTuple):
    """Events that were settled at about the same time."""

    first: int
    last: int
    subjects: bytes
    names: str
    records: bytes


Fields = tuple[str, str, str, str, int, int, int]
"""The fields of a record, the entity as text: a plain tuple is created faster."""


def pack(records: Sequence[Fields]) -> Block:
    """Return the block of some records."""
    subjects, detail_types, ids, entities, states, times, verdicts = zip(*records, strict=True)
    lines = "\n".join(subjects)
    if lines.count("\n") != len(subjects) - 1:
        lines = "\n".join(subject.replace("\n", " ") for subject in subjects)
    names = list(dict.fromkeys(detail_types))
    numbers = {name: number for number, name in enumerate(names)}
    columns = (
        bytes.fromhex("".join(ids).replace("-", "")),
        array("Q", map(int, entities)).tobytes(),
        array("I", states).tobytes(),
        array("I", times).tobytes(),
        bytes([numbers[name] for name in detail_types]),
        bytes(verdicts),
    )
    return Block(min(times), max(times), f"{lines}\n".encode(), "\n".join(names), b"".join(columns))


def unpack(block: Block, wanted: Container[int] | None = None) -> Iterator[LedgerRecord]:
    """Yield the records about some entities, or all."""
    count = len(block.records) // _RECORD
    end = _ID * count
    entities = array("Q", block.records[end : (end := end + _KEY * count)])
    found = [n for n, entity in enumerate(entities) if wanted is None or entity in wanted]
    if not found:
        return
    states = array("I", block.records[end : (end := end + _NUMBER * count)])
    times = array("I", block.records[end : (end := end + _NUMBER * count)])
    types = block.records[end : (end := end + count)]
    verdicts = block.records[end:]
    subjects, names = block.subjects.decode().split("\n"), block.names.split("\n")
    for n in found:
        yield LedgerRecord(
            subjects[n],
            names[types[n]],
            block.records[_ID * n : _ID * (n + 1)].hex(),
            entities[n],
            states[n],
            times[n],
            verdicts[n],
        )
