"""The strings and numbers that stand in PHP files."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from magento_eventbridge.magento.php.syntax import PhpSource, parts_of, text_of
from magento_eventbridge.magento.php.values import MAX_INT

_SINGLE_QUOTED_ESCAPE = re.compile(rb"\\([\\'])")
_DOUBLE_QUOTED_ESCAPE = re.compile(
    rb'\\(?:([nrtvef\\$"])|([0-7]{1,3})|[xX]([0-9A-Fa-f]{1,2})|u\{([0-9A-Fa-f]{1,8})\})'
)
_HEREDOC_ESCAPE = re.compile(_DOUBLE_QUOTED_ESCAPE.pattern.replace(b'$"', b"$"))
_VARIABLE = re.compile(rb"(?<!\\)(?:\\\\)*(?:\$[A-Za-z_{\x80-\xff]|\{\$)")
_LETTERS = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"e": b"\x1b",
    b"f": b"\f",
}


def pieces_of(node: Node, source: PhpSource) -> list[str | Node]:
    """Return the pieces of a string of any kind: text, and expressions to be evaluated.

    Raises:
        PhpFileError: it is not UTF-8, or only PHP can read it.
    """
    match node.type:
        case "string":
            quoted = node.text or b""
            # Before the first quote: b, if anything.
            content = quoted[quoted.index(quoted[-1:]) + 1 : -1]
            return [_unescaped(node, source, content, _SINGLE_QUOTED_ESCAPE)]
        case "encapsed_string":
            return _interpolated(node, source)
    return _heredoc(node, source)


def number(node: Node, source: PhpSource) -> int | float:
    """Return the value of a number.

    Raises:
        PhpFileError: it cannot be read.
    """
    digits = text_of(node).replace("_", "").lower()
    if digits.isdigit() and digits.startswith("0") and len(digits) > 1:
        digits = f"0o{digits}"
    try:
        if node.type == "float":
            return float(digits)
        value = int(digits, 0)
        # Beyond its integers PHP rounds in its own way after each digit, unless it is decimal.
        if value <= MAX_INT or digits.isdigit():
            return value if value <= MAX_INT else float(value)
    except (ValueError, OverflowError):
        pass
    raise source.error(node, "a number that cannot be read")


def _interpolated(node: Node, source: PhpSource) -> list[str | Node]:
    """Read a string in double quotes, with variables in it or without."""
    pieces: list[str | Node] = []
    literal: list[bytes] = []
    for part in node.children:
        if part.type in {"string_content", "escape_sequence"}:
            literal.append(part.text or b"")
        elif part.is_named and part.type != "comment":
            pieces += [_unescaped(node, source, b"".join(literal), _DOUBLE_QUOTED_ESCAPE), part]
            literal = []
    return [*pieces, _unescaped(node, source, b"".join(literal), _DOUBLE_QUOTED_ESCAPE)]


def _heredoc(node: Node, source: PhpSource) -> list[str | Node]:
    """Read a text of several lines, less the indentation of the line that ends it."""
    text = node.text or b""
    if b"\n" not in text:
        raise source.refusal(node)  # its lines end in carriage returns
    end = parts_of(node)[-1]
    content = text[text.index(b"\n") + 1 : end.start_byte - node.start_byte]
    begin = node.start_byte + text.index(b"\n") + 1
    lines, newline, indentation = content.rpartition(b"\n")
    if not newline:
        return []
    if indentation.strip(b" \t") or b"\r" in text.replace(b"\r\n", b""):
        raise source.refusal(node)
    lines = lines.removesuffix(b"\r")
    escape = None if node.type == "nowdoc" else _HEREDOC_ESCAPE
    pieces: list[str | Node] = []
    at = 0
    for inner, start, stop in _insertions(node):
        literal = _unindented(
            node, source, lines[at : start - begin], indentation, is_first=at == 0
        )
        pieces += [_unescaped_lines(node, source, literal, escape), inner]
        at = stop - begin
    literal = _unindented(node, source, lines[at:], indentation, is_first=at == 0)
    return [*pieces, _unescaped_lines(node, source, literal, escape)]


def _unindented(
    node: Node, source: PhpSource, literal: bytes, indentation: bytes, *, is_first: bool
) -> bytes:
    """Return a part of a heredoc without the indentation of its lines."""
    lines = literal.split(b"\n")
    for place, line in enumerate(lines):
        if place or is_first:
            is_last = place == len(lines) - 1
            if line.startswith(indentation):
                lines[place] = line[len(indentation) :]
            elif indentation.startswith(line.rstrip(b"\r")) and not is_last:
                lines[place] = line[len(line.rstrip(b"\r")) :]
            else:
                raise source.refusal(node)
    return b"\n".join(lines)


def _unescaped_lines(
    node: Node, source: PhpSource, text: bytes, escape: re.Pattern[bytes] | None
) -> str:
    if escape and _VARIABLE.search(text):
        raise source.refusal(node)  # in what the grammar takes for a comment
    return _unescaped(node, source, text, escape)


def _unescaped(
    node: Node, source: PhpSource, content: bytes, escape: re.Pattern[bytes] | None
) -> str:
    try:
        return (escape.sub(_unescape, content) if escape else content).decode()
    except (UnicodeDecodeError, OverflowError, ValueError):
        raise source.error(node, "a string that is not UTF-8") from None


def _insertions(heredoc: Node) -> Iterator[tuple[Node, int, int]]:
    """Yield the variables in a heredoc, with the bytes where each begins and ends."""
    for body in heredoc.named_children:
        if body.type != "heredoc_body":
            continue
        for place, part in enumerate(body.children):
            if part.is_named and part.type not in {"string_content", "escape_sequence", "comment"}:
                is_braced = place > 0 and body.children[place - 1].type == "{"
                first, last = body.children[place - is_braced], body.children[place + is_braced]
                yield part, first.start_byte, last.end_byte


def _unescape(escape: re.Match[bytes]) -> bytes:
    matched: bytes = escape[escape.lastindex or 0]
    match escape.lastindex:
        case 2:
            return bytes([int(matched, 8) & 0xFF])
        case 3:
            return bytes([int(matched, 16)])
        case 4:
            return chr(int(matched, 16)).encode()
    return _LETTERS.get(matched, matched)
