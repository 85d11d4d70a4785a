"""Unsafe characters of foreign text are made visible, and everything else stays as it is."""

import json

import pytest

from magento_eventbridge.visible_text import indented, json_visible, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\ntwo\r\t", r"one\ntwo\r\t"),
        ("\x1b[31mred\x9b", r"\x1b[31mred\x9b"),
        ("abc\u202edcba\u2066", r"abc\u202edcba\u2066"),
        ("\u2028 \ud800", r"\u2028 \ud800"),
        (":x: [bold] Grüße 日本 👩\u200d🚒 \\n", ":x: [bold] Grüße 日本 👩\u200d🚒 \\n"),
    ],
)
def test_only_unsafe_characters_are_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_line_breaks_can_be_kept() -> None:
    assert visible("a\n\tb\r", keep="\n\t") == "a\n\tb\\r"


def test_json_keeps_its_meaning() -> None:
    value = {"reason": "\x1b[0m \x9b \u202e \ud800 \n :x:"}
    text = json_visible(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(text) == value
    assert visible(text, keep="\n") == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a":["é"]}', '{\n  "a": [\n    "é"\n  ]\n}'),
        ("no JSON", "no JSON"),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_json_is_indented_where_it_can_be(text: str, shown: str) -> None:
    assert indented(text) == shown
