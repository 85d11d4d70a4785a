"""PHP's functions that configuration files call, for values that are known."""

import base64
import binascii
import json
import os.path
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from magento_eventbridge.magento.php_values import (
    Constant,
    ConversionError,
    PhpArray,
    merged,
    replaced,
    replaced_recursively,
    to_bool,
    to_int,
    to_text,
)

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
        return _as_php(json.loads(to_text(text)))
    except (ValueError, RecursionError):
        return None


def _as_php(value: Any) -> Any:
    if isinstance(value, list):
        return {index: _as_php(member) for index, member in enumerate(value)}
    if isinstance(value, dict):
        keys = {key: int(key) if key.isascii() and key.isdecimal() else key for key in value}
        return {keys[key]: _as_php(member) for key, member in value.items()}
    return value


def _directory(path: Any, levels: Any = 1) -> str:
    directory = to_text(path)
    for _ in range(min(to_int(levels), 100)):
        directory = os.path.dirname(directory.rstrip("/") or "/") or "."  # noqa: PTH120  no Path
    return directory


def _url_parts(url: Any, component: Any = None) -> Any:
    try:
        split = urlsplit(to_text(url))
        port = split.port
    except ValueError:
        raise ConversionError from None
    parts: PhpArray = {
        "scheme": split.scheme,
        "host": split.hostname,
        "port": port,
        "user": split.username,
        "pass": split.password,
        "path": split.path,
        "query": split.query,
        "fragment": split.fragment,
    }
    parts = {name: part for name, part in parts.items() if part not in (None, "")}
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
    search = to_text(search)
    return to_text(subject).replace(search, to_text(replacement)) if search else to_text(subject)


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
    "rawurldecode": PhpFunction(lambda text: unquote(to_text(text)), 1, 1),
    "rtrim": PhpFunction(_trimmed(str.rstrip), 1, 2),
    "str_replace": PhpFunction(_with_replacements, 3, 3),
    "strtolower": PhpFunction(lambda text: _ascii(to_text(text)).lower(), 1, 1),
    "strtoupper": PhpFunction(lambda text: _ascii(to_text(text)).upper(), 1, 1),
    "strval": PhpFunction(to_text, 1, 1),
    "trim": PhpFunction(_trimmed(str.strip), 1, 2),
}
"""By their names in lower case."""

FILE_CHECKS: dict[str, Callable[[Path], bool]] = {
    "file_exists": Path.exists,
    "is_dir": Path.is_dir,
    "is_file": Path.is_file,
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
