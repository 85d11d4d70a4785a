"""Check the shop's own events and fields."""

from magento_eventbridge.declarations import exported
from magento_eventbridge.declarations.exported import ExportError
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.settings.model import Settings

_NAME = "declarations"


def declarations(settings: Settings) -> list[Finding]:
    """Report each declaration that is refused, or how many are used; nothing if there are none."""
    if settings.declarations_file:
        try:
            events = exported.read(settings.declarations_file)
        except ExportError as error:
            return [Finding(_NAME, "FAIL", f"own events wait: {error}")]
        return [Finding(_NAME, "ok", f"{len(events)} in {settings.declarations_file}")]
    if settings.magento_root is None:
        return []
    from magento_eventbridge.declarations import reading

    declared = reading.read_store(settings.magento_root)
    refused = [Finding(_NAME, "FAIL", f"refused: {fault}") for fault in declared.faults]
    if not declared.events:
        return refused
    return [*refused, Finding(_NAME, "ok", f"{len(declared.events)} are used")]
