"""Show foreign text to people: its control, escape and bidirectional characters, its JSON."""

import json
import re

# Controls, the marks that change the direction of text, line separators, lone surrogates: they
# forge lines, colour terminals or reorder what people read.
_UNSAFE = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ud800-\\udfff]"
)


def visible(text: str, *, keep: str = "") -> str:
    r"""Return a text with unsafe characters as escapes, such as `\n` or `\x1b`.

    Characters in `keep` stay. With the default the text is one line.
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def json_visible(text: str) -> str:
    """Return a JSON text that means the same, with unsafe characters as JSON's own escapes."""
    return _UNSAFE.sub(
        lambda found: found[0] if found[0] in "\n\r\t" else f"\\u{ord(found[0]):04x}", text
    )


def indented(text: str) -> str:
    """Return a JSON text indented; a text that is no JSON, or is nested very deep, as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
