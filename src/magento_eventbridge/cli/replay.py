"""`replay`: hand the captures of a file to a running bridge, through its inlet."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from magento_eventbridge.bridge.startup import start_log
from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, settings_of
from magento_eventbridge.cli.output import AsJson, out, show_json
from magento_eventbridge.counting import count
from magento_eventbridge.inlets.client import hand_over
from magento_eventbridge.observability.operators import record_action
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.fields import check_web_address

NAME = "replay"
EXAMPLE = "magento-eventbridge replay captures.ndjson --url http://127.0.0.1:8471"

File = Annotated[
    Path, typer.Argument(help="Captures, one a line (NDJSON).", exists=True, dir_okay=False)
]


def _web_address(value: str | None) -> str | None:
    try:
        if value is not None:
            check_web_address(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return value


Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="The bridge's URL; by default from inlet.host and inlet.port.",
        callback=_web_address,
    ),
]


def run(
    file: File,
    url: Url = None,
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Hand the captures of a file to a running bridge, signed with its first secret."""
    settings, _ = settings_of(config, overrides, magento_root)
    if not settings.inlet.secrets:
        raise SettingsError("inlet.secrets: signing needs a secret that the bridge knows")
    start_log(settings)
    scheme = "https" if settings.inlet.tls_certificate else "http"
    target = url or f"{scheme}://{settings.inlet.host}:{settings.inlet.port}"
    secret = settings.inlet.secrets[0].get_secret_value()
    receipt = asyncio.run(hand_over(target, secret, file.read_bytes().split(b"\n")))
    record_action("handed over %s of %s", count(receipt.accepted, "capture"), file)
    if as_json:
        faults = [{"line": line, "error": error} for line, error in receipt.rejected]
        show_json({"accepted": receipt.accepted, "rejected": faults})
    else:
        out.print(f"{receipt.accepted} accepted, {len(receipt.rejected)} rejected")
        for line, error in receipt.rejected:
            out.print(f"line {line}: {error}")
    if receipt.rejected:
        raise typer.Exit(1)
