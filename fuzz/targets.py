"""What must hold for any bytes: a target raises if it does not. For `make fuzz` and tests."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from magento_eventbridge.captures import Capture, InvalidCaptureError, read_capture, without_content
from magento_eventbridge.catalog import TranslationError, event_of
from magento_eventbridge.catalog.messages import capture_text
from magento_eventbridge.delivery.envelope import build_entry
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.inlets.http import read_body
from magento_eventbridge.magento.env_php import parse_php_array
from magento_eventbridge.magento.php.values import PhpFileError
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import Layer, load
from magento_eventbridge.settings.sources import ENVIRONMENT_PREFIX, environment_layer, file_layer

_ROUTE = Route(Destination("eu-west-1"), "shop.example.com")


def inlet_body(data: bytes) -> None:
    """A body is read line by line, into captures that can be translated, and errors."""
    accepted, rejected = read_body(data, as_lines=True)
    lines = [line for line in data.split(b"\n") if line.strip()]
    assert len(accepted) + len(rejected) == len(lines)
    for capture, body in accepted:
        assert b"\n" not in body
        whole = read_capture(body)
        assert without_content(whole) == capture or "nan" in repr(capture)
        _translates(whole)
    json.dumps(rejected)


def translation(data: bytes) -> None:
    """A capture becomes an entry with JSON detail, is no event, or is refused with a message."""
    try:
        capture = read_capture(data)
    except InvalidCaptureError as fault:
        assert str(fault)
        return
    _translates(capture)


def original_message(data: bytes) -> None:
    """A message of Magento's queue is read as a capture, deterministically, or kept unchanged."""
    text = capture_text(data, "1")
    assert capture_text(data, "1") == text
    translation(text)


def env_php(data: bytes) -> None:
    """A PHP file is read as an array, or refused by name."""
    try:
        array = parse_php_array(data, "env.php", {"SECRET": "from the environment"})
    except PhpFileError as fault:
        assert str(fault).startswith("env.php")
        return
    assert isinstance(array, dict)


def settings_file(data: bytes) -> None:
    """A TOML file yields settings, or error messages."""
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(data)
        file.flush()
        _loads(lambda: file_layer(Path(file.name), {}))


def settings_environment(data: bytes) -> None:
    """Environment variables, one a line, yield settings, or error messages."""
    pairs = [line.partition(b"=") for line in data.split(b"\n")]
    environment = {
        ENVIRONMENT_PREFIX + name.decode(errors="surrogateescape"): value.decode(
            errors="surrogateescape"
        )
        for name, _, value in pairs
    }
    _loads(lambda: environment_layer(environment))


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        inlet_body,
        translation,
        original_message,
        env_php,
        settings_file,
        settings_environment,
    )
}


def _translates(capture: Capture) -> None:
    try:
        event = event_of(capture)
        entry = event and build_entry(capture, event, _ROUTE)
    except TranslationError as fault:
        assert str(fault)
        return
    if entry:
        assert isinstance(json.loads(entry.detail, parse_constant=_no_json), dict)
        assert entry.size >= len(entry.detail.encode())


def _no_json(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def _loads(layer: Callable[[], Layer]) -> None:
    try:
        settings, origins = load([layer()])
    except SettingsError as fault:
        assert str(fault)
        return
    result: Any = settings.model_dump()
    assert result
    assert origins.of("options.region")
    for view in (settings, *settings.stores.values()):
        view.route()
