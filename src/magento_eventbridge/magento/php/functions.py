"""PHP's functions that configuration files call, for values that are known."""

import base64
import binascii
import json
import math
import os.path
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus

from magento_eventbridge.magento.php.syntax import MAX_BYTES
from magento_eventbridge.magento.php.values import (
    MAX_INT,
    Constant,
    ConversionError,
    PhpArray,
    merged,
    replaced,
    replaced_recursively,
    to_bool,
    to_int,
    to_key,
    to_text,
)

# The forms of URLs that all versions of PHP take apart alike.
_URL = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^:/?#]*)(?::(?P<pass>[^/?#]*))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:/?#\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?|(?P<only_path>/(?!/)[^:?#]*))"
    r"(?:\?(?P<query>[^#]+))?(?:#(?P<fragment>.+))?"
)
_URL_PARTS = ("scheme", "host", "port", "user", "pass", "path", "query", "fragment")
_LONGEST_INTEGER = len(str(-MAX_INT))
_BLANKS = " \n\r\t\v\0"


class PhpFunction(NamedTuple):
    """A function with the number of arguments that it takes; it may raise ConversionError."""

    call: Callable[..., Any]
    least: int
    most: int


def _trimmed(strip: Callable[[str, str], str]) -> Callable[..., str]:
    def trim(text: Any, characters: Any = _BLANKS) -> str:
        if ".." in to_text(characters):
            raise ConversionError  # a range
        if not to_text(characters).isascii():
            raise ConversionError  # PHP trims bytes, also parts of characters
        return strip(to_text(text), to_text(characters))

    return trim


def _decoded(text: Any) -> str:
    try:
        return base64.b64decode("".join(to_text(text).split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise ConversionError from None


def _from_json(text: Any, is_array: Any = None) -> Any:
    if is_array is not True:
        raise ConversionError  # objects
    try:
        return from_json(json.loads(to_text(text), parse_int=_json_number))
    except (ConversionError, RecursionError):
        raise ConversionError from None
    except ValueError:
        return None


def _json_number(digits: str) -> int | float:
    # Python refuses to convert thousands of digits to an integer.
    return float(digits) if len(digits) > _LONGEST_INTEGER else int(digits)


def from_json(value: Any) -> Any:
    """Convert decoded JSON to PHP's arrays, as `json_decode` does.

    Raises:
        ConversionError: it has values that PHP's JSON does not have.
    """
    if isinstance(value, list):
        return {index: from_json(member) for index, member in enumerate(value)}
    if isinstance(value, dict):
        return {to_key(from_json(key)): from_json(member) for key, member in value.items()}
    if isinstance(value, int) and not -MAX_INT - 1 <= value <= MAX_INT:
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ConversionError
    if isinstance(value, str) and any(0xD800 <= ord(char) <= 0xDFFF for char in value):
        raise ConversionError
    return value


def _directory(path: Any, levels: Any = 1) -> str:
    directory = to_text(path)
    if not directory or directory.startswith("//"):
        raise ConversionError
    if to_int(levels) < 1:
        raise ConversionError
    for _ in range(min(to_int(levels), 100)):
        directory = os.path.dirname(directory.rstrip("/") or "/") or "."  # noqa: PTH120  no Path
    return directory


def _url_parts(url: Any, component: Any = None) -> Any:
    text = to_text(url)
    found = _URL.fullmatch(text)
    if found is None or not text.isprintable():
        raise ConversionError
    given = found.groupdict()
    given["path"] = given["only_path"] or given["path"]
    parts: PhpArray = {name: given[name] for name in _URL_PARTS if given[name] is not None}
    if "port" in parts:
        parts["port"] = int(parts["port"])
        if not 0 < parts["port"] < 65536:
            raise ConversionError
    if component is None:
        return parts
    if isinstance(component, Constant) and component.name.startswith("PHP_URL_"):
        return parts.get(component.name.removeprefix("PHP_URL_").lower())
    raise ConversionError


def _split(separator: Any, text: Any) -> PhpArray:
    if not to_text(separator):
        raise ConversionError
    return dict(enumerate(to_text(text).split(to_text(separator))))


def _joined(separator: Any, texts: Any) -> str:
    return to_text(separator).join(to_text(text) for text in _array(texts).values())


def _with_replacements(search: Any, replacement: Any, subject: Any) -> str:
    old, new, text = to_text(search), to_text(replacement), to_text(subject)
    if old and text.count(old) * len(new) > MAX_BYTES:
        raise ConversionError
    return text.replace(old, new) if old else text


def _formatted(pattern: Any, *values: Any) -> str:
    left = list(values)

    def fill(found: re.Match[str]) -> str:
        match found[0]:
            case "%%":
                return "%"
            case "%s" if left:
                return to_text(left.pop(0))
            case "%d" if left:
                return str(to_int(left.pop(0)))
        raise ConversionError  # widths, other kinds, too few values

    return re.sub("%.?", fill, to_text(pattern), flags=re.DOTALL)


def _unquoted(unquote: Callable[..., str]) -> Callable[[Any], str]:
    def decoded(text: Any) -> str:
        try:
            return unquote(to_text(text), errors="strict")
        except UnicodeDecodeError:
            raise ConversionError from None

    return decoded


def _array(value: Any) -> PhpArray:
    if not isinstance(value, dict):
        raise ConversionError
    return value


def _of_arrays(combine: Callable[..., PhpArray]) -> Callable[..., PhpArray]:
    return lambda *arrays: combine(*(_array(array) for array in arrays))


FUNCTIONS = {
    "array_merge": PhpFunction(_of_arrays(merged), 0, 20),
    "array_replace": PhpFunction(_of_arrays(replaced), 1, 20),
    "array_replace_recursive": PhpFunction(_of_arrays(replaced_recursively), 1, 20),
    "base64_decode": PhpFunction(_decoded, 1, 1),
    "boolval": PhpFunction(to_bool, 1, 1),
    "dirname": PhpFunction(_directory, 1, 2),
    "explode": PhpFunction(_split, 2, 2),
    "implode": PhpFunction(_joined, 2, 2),
    "intval": PhpFunction(to_int, 1, 1),
    "json_decode": PhpFunction(_from_json, 1, 2),
    "ltrim": PhpFunction(_trimmed(str.lstrip), 1, 2),
    "parse_url": PhpFunction(_url_parts, 1, 2),
    "rawurldecode": PhpFunction(_unquoted(unquote), 1, 1),
    "rtrim": PhpFunction(_trimmed(str.rstrip), 1, 2),
    "str_replace": PhpFunction(_with_replacements, 3, 3),
    "sprintf": PhpFunction(_formatted, 1, 20),
    "strtolower": PhpFunction(lambda text: _ascii(to_text(text)).lower(), 1, 1),
    "strtoupper": PhpFunction(lambda text: _ascii(to_text(text)).upper(), 1, 1),
    "strval": PhpFunction(to_text, 1, 1),
    "trim": PhpFunction(_trimmed(str.strip), 1, 2),
    "urldecode": PhpFunction(_unquoted(unquote_plus), 1, 1),
}
"""By their names in lower case."""

# Of `os.path`: `Path` drops a slash at the end, and fails on names that are too long.
FILE_CHECKS: dict[str, Callable[[str], bool]] = {
    "file_exists": os.path.exists,
    "is_dir": os.path.isdir,
    "is_file": os.path.isfile,
    "is_readable": lambda path: os.access(path, os.R_OK),
}
WITHOUT_RESULT = {
    "date_default_timezone_set",
    "error_reporting",
    "ini_set",
    "mb_internal_encoding",
    "set_time_limit",
    "umask",
}
"""Functions that, as statements, change nothing that the array depends on."""


def _ascii(text: str) -> str:
    if not text.isascii():
        raise ConversionError  # depends on PHP's version and locale
    return text
