"""Define the options that commands share, and load the settings that they select."""

import asyncio
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import Layer, Origins, load
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.settings.sources import own_layers
from magento_eventbridge.settings.view import ViewSettings
from magento_eventbridge.similar_names import did_you_mean

if TYPE_CHECKING:
    from magento_eventbridge.magento.live_store import LiveStore, Reading

# In seconds: who waits at a terminal should soon see that the database hangs.
_STORE_ANSWERS_WITHIN = 10

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="TOML file with settings; else /etc/magento-eventbridge.toml if there is one.",
        envvar="MAGENTO_EVENTBRIDGE_CONFIG",
        show_default=False,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any setting by its dotted name, as options.region=eu-west-1; may be repeated.",
    ),
]
MagentoRoot = Annotated[
    Path | None,
    typer.Option(
        "--magento-root",
        help="The store's folder: its configuration is used, and its var/log for the log.",
        show_default=False,
    ),
]


def no_such_event(name: str, known: Iterable[str]) -> typer.BadParameter:
    """Return the error of an unknown detail-type, with the most similar one."""
    return typer.BadParameter(
        f"there is no event '{name}'{did_you_mean(name, known) or ';'} 'events list' lists all"
    )


def view_of(settings: Settings, number: int) -> ViewSettings:
    """Return a store view's settings.

    Raises:
        typer.BadParameter: there is no such store view.
    """
    if number and number not in settings.stores:
        known = ", ".join(map(str, sorted({0, *settings.stores})))
        raise typer.BadParameter(
            f"--store {number}: there is no such store view; the settings know {known} (0: what "
            "all have); with --magento-root those of the store are known"
        )
    return settings.view(number)


def settings_of(
    config: Path | None,
    overrides: list[str] | None = None,
    magento_root: Path | None = None,
) -> tuple[Settings, Origins]:
    """Load the settings: the store's, if one is named, and above them the bridge's own.

    Raises:
        SettingsError: with every error and its origin.
        DatabaseError: the store's database cannot be read.
    """
    own, store = sources_of(config, overrides, magento_root)
    if store is None:
        return load(own)
    reading = asyncio.run(_read(store.again(_STORE_ANSWERS_WITHIN)))
    return reading.settings, reading.origins


async def _read(store: "LiveStore") -> "Reading":
    try:
        return await store.read()
    finally:
        await store.close()


def sources_of(
    config: Path | None, overrides: list[str] | None, magento_root: Path | None
) -> "tuple[list[Layer], LiveStore | None]":
    """Return the layers of the bridge's own settings, and the store that they name.

    Raises:
        SettingsError: with every error and its origin.
    """
    read_own = own_reader(config, overrides, magento_root)
    own = read_own()
    settings = load(own)[0]
    if settings.magento_root is None:
        return own, None
    # Imported here, as it needs a database driver and a parser of PHP.
    from magento_eventbridge.magento.live_store import (  # noqa: PLC0415
        LiveStore,
        LiveStoreOptions,
    )

    options = LiveStoreOptions(php=settings.magento_php)
    store = LiveStore(settings.magento_root, own, os.environ, options, read_own=read_own)
    return own, store


def own_reader(
    config: Path | None, overrides: list[str] | None, magento_root: Path | None
) -> Callable[[], list[Layer]]:
    """Return what reads the bridge's own settings; the file may have changed at the next call.

    Raises:
        SettingsError: an override is not a setting.
    """
    given = _of_command_line(overrides or [])
    if magento_root:
        given["magento_root"] = magento_root
    return partial(own_layers, config=config, command_line=given)


def _of_command_line(overrides: list[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for override in overrides:
        name, equals, value = override.partition("=")
        if not equals or not name:
            raise SettingsError(
                f"--set {override}: must be NAME=VALUE, as options.region=eu-west-1"
            )
        *groups, last = name.split(".")
        at = given
        for group in groups:
            at = at.setdefault(group, {})
            if not isinstance(at, dict):
                raise SettingsError(f"--set {override}: {group} cannot be a value and a group")
        at[last] = value
    return given
