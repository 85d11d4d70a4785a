"""Arbitrary bytes: a short form of `make fuzz`."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fuzz.__main__ import CORPUS
from fuzz.targets import TARGETS, env_php, inlet_body, original_message, settings_file, translation
from fuzz.targets import settings_environment as environment
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.demo import store_day
from magento_eventbridge.inlets.http import read_body

LINES = [capture.line for capture in store_day.captures()]
MESSAGES = (Path(__file__).parent / "original_messages.ndjson").read_bytes().splitlines()

numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([2**63, -(2**63), 2**64, 10**30, 1e308, 5e-324, -0.0])
)
leaves = st.none() | st.booleans() | numbers | st.text(max_size=20)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)


def places(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value within a value."""
    match document:
        case dict():
            inner = [
                place for key, value in document.items() for place in places(value, (*at, key))
            ]
        case list():
            inner = [place for i, value in enumerate(document) for place in places(value, (*at, i))]
        case _:
            inner = []
    return [at, *inner] if at else inner


def changed(document: Any, at: tuple[Any, ...], value: object) -> Any:
    """Replace the value at a path."""
    parent = document
    for key in at[:-1]:
        parent = parent[key]
    parent[at[-1]] = value
    return document


def written(document: Any) -> bytes:
    """Write JSON as liberally as senders do, with NaN and lone surrogates."""
    return json.dumps(document).encode()


@given(st.data(), st.sampled_from(LINES), values)
def test_a_capture_in_which_anything_is_anything_else_is_translated_or_refused(data, line, value):
    document = json.loads(line)
    at = data.draw(st.sampled_from(places(document)))
    translation(written(changed(document, at, value)))


@given(st.data(), st.sampled_from(MESSAGES), values)
def test_a_message_in_which_anything_is_anything_else_is_understood_or_refused(data, line, value):
    message = json.loads(line)["body"] if b'"body"' in line[:200] else line.decode()
    (text,) = json.loads(message)
    document = json.loads(text)
    at = data.draw(st.sampled_from(places(document)))
    original_message(written([json.dumps(changed(document, at, value))]))


@given(st.lists(st.binary(max_size=50) | st.sampled_from(LINES), max_size=5))
def test_a_body_of_anything_is_read_line_by_line(lines):
    inlet_body(b"\n".join(lines))


@given(st.binary() | st.text().map(lambda text: f"<?php return [{text}];".encode()))
def test_a_php_file_of_anything_is_an_array_or_refused(source):
    env_php(source)


NAMES = ["options", "inlet", "stores", "events", "detail_types", "outbox", "spool", "log", "region"]
names = st.sampled_from(NAMES) | st.text(max_size=8)


@given(st.dictionaries(names, st.dictionaries(names, values, max_size=3) | values, max_size=4))
def test_settings_of_anything_are_taken_or_refused_in_words(settings):
    try:
        source = msgspec.toml.encode(settings)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return  # TOML cannot say it
    settings_file(source)


@given(st.binary(max_size=200))
def test_a_settings_file_of_anything_is_taken_or_refused(source):
    settings_file(source)


@given(st.lists(st.tuples(st.lists(names, max_size=3).map("__".join), st.text(max_size=20))))
def test_an_environment_of_anything_is_taken_or_refused(pairs):
    environment(
        "\n".join(f"{name.upper()}={value}" for name, value in pairs).encode(errors="replace")
    )


HOSTILE = {
    "arrays without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 100_000,
    "tables without end": b"a" + b".a" * 2_000 + b" = 1",
    "a long number": b'{"id":' + b"9" * 100_000 + b"}",
    "nested PHP": b"<?php return " + b"[" * 50_000 + b"]" * 50_000 + b";",
    "joined PHP": b"<?php return ['a' => " + b"'a' . " * 20_000 + b"'a'];",
    "negated PHP": b"<?php return ['a' => " + b"- " * 50_000 + b"1];",
    "nested TOML": b"a = " + b"[" * 50_000 + b"]" * 50_000,
    "tables in TOML": b"a = " + b"{a = " * 50_000 + b"1" + b"}" * 50_000,
    "a long number in TOML": b"a = " + b"9" * 100_000,
    "a long number in PHP": b"<?php return [" + b"9" * 100_000 + b"];",
    "a nested message": b'["' + b"[" * 100_000 + b'"]',
    "NUL": b"\0",
    "a path with NUL": b'[spool]\npath = "\\u0000"',
    "a port": b"[inlet]\nport = 1e400",
    "infinity": b"[inlet]\nreplay_window = inf",
    "not a number": b"[delivery]\ncalls_per_second = nan",
    "a date": b"[options]\nregion = 1979-05-27T07:32:00Z",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_what_is_known_to_break_readers_breaks_none(target, source):
    target(source)


KEPT = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("file", KEPT, ids=[f"{f.parent.name}/{f.name}" for f in KEPT])
def test_what_fuzzing_begins_with_or_has_found_once_breaks_nothing(file):
    TARGETS[file.parent.name](file.read_bytes())


def test_waiting_captures_take_little_more_memory_than_their_texts():
    """Read as objects they take several times as much, until they are on disk."""
    document = json.loads(LINES[0])
    document["snapshot"]["items"] = [{"sku": str(number)} for number in range(2000)]
    body = b"\n".join([json.dumps(document).encode()] * 20)
    tracemalloc.start()
    accepted, rejected = read_body(body, as_lines=True)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(accepted), rejected) == (20, [])
    assert kept < 1.2 * len(body)
