"""`doctor`: check store, queues and buses, and show the settings and their origins."""

import asyncio

import typer

from magento_eventbridge.cli.options import Config, MagentoRoot, Overrides, sources_of
from magento_eventbridge.cli.output import AsJson, out, show_json, table
from magento_eventbridge.doctor.delivery import check_delivery
from magento_eventbridge.doctor.settings_values import values_of
from magento_eventbridge.doctor.store import Examination, examine
from magento_eventbridge.settings.layers import load

NAME = "doctor"
EXAMPLE = "magento-eventbridge doctor --magento-root /var/www/html"


def run(
    config: Config = None,
    overrides: Overrides = None,
    magento_root: MagentoRoot = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, store, credentials, bus, queues; exit 1 when something must be fixed.

    The findings come first, then the settings and where each comes from.
    """
    own, store = sources_of(config, overrides, magento_root)
    if store:
        found = asyncio.run(examine(store))
    else:
        settings, origins = load(own)
        found = Examination([], settings, origins, is_read=True)
    values = list(values_of(found.settings, found.origins)) if found.settings else []
    findings = found.findings
    if found.settings and found.is_read:
        findings = findings + asyncio.run(check_delivery(found.settings))
    is_well = all(finding.is_well for finding in findings)
    if as_json:
        show_json(
            {
                "ok": is_well,
                "settings": [value._asdict() for value in values],
                "findings": [
                    {
                        "name": f.name,
                        "ok": f.is_well,
                        "state": f.state.lower(),
                        "message": f.message,
                    }
                    for f in findings
                ],
            }
        )
    else:
        for finding in findings:
            out.print(str(finding))
        rows = table("setting", "value", "from")
        for value in values:
            rows.add_row(*value)
        if values:
            out.print()
            out.print(rows, soft_wrap=False)
    if not is_well:
        raise typer.Exit(1)
