"""Mark up JSON texts, so that keys, strings, numbers and literals have colours of their own."""

import re

from markupsafe import Markup, escape

# A larger text would need several times its size as markup.
_LONGEST = 200_000
_TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*")(?=\s*:)'
    r'|(?P<string>"(?:[^"\\]|\\.)*")'
    r"|(?P<literal>\b(?:true|false|null)\b)"
    r"|(?P<number>-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)"
)


def json_colours(text: str) -> Markup:
    """Return a JSON text as markup; any other text comes back as text."""
    if len(text) > _LONGEST:
        return escape(text)
    parts, end = [], 0
    for token in _TOKEN.finditer(text):
        parts.append(escape(text[end : token.start()]))
        parts.append(Markup('<span class="j-{}">{}</span>').format(token.lastgroup, token[0]))
        end = token.end()
    parts.append(escape(text[end:]))
    return Markup("").join(parts)
