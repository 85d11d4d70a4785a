"""Check the shop's own events and fields."""

import asyncio
import json
from collections.abc import Iterable

from magento_eventbridge.catalog.declared import Declaration
from magento_eventbridge.declarations import exported
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.declarations.dispatched import undispatched
from magento_eventbridge.declarations.exported import ExportError
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.journal.archive import Archive, JournalError
from magento_eventbridge.settings.model import Settings

_NAME = "declarations"
# Fewer events say too little about a field that is null in all of them.
_FEWEST_EVENTS = 3
_LAST_EVENTS = 100


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


async def unused_declarations(settings: Settings) -> list[Finding]:
    """Warn of declared events that no module dispatches, and of fields that were always null."""
    declared = CurrentCatalog(settings).catalog.declarations
    return [
        *await asyncio.to_thread(_undispatched, settings, declared),
        *await _always_null(settings, declared),
    ]


def _undispatched(settings: Settings, declared: Iterable[Declaration]) -> list[Finding]:
    if settings.magento_root is None:
        return []
    pairs = [(trigger.event, event) for event in declared for trigger in event.triggers]
    missing = undispatched(settings.magento_root, [name for name, _ in pairs])
    return [
        Finding(
            _NAME,
            "warn",
            f"event '{event.name}' ({event.place}): no module of the store dispatches '{name}': it "
            "will never be sent if the name is misspelt",
        )
        for name, event in pairs
        if name in missing
    ]


async def _always_null(settings: Settings, declared: Iterable[Declaration]) -> list[Finding]:
    if settings.journal_file is None or settings.journal.personal_data == "leave_out":
        return []
    archive, route = Archive(settings.journal_file), settings.route()
    findings = []
    for event in declared:
        try:
            texts = await archive.last_details(route.detail_type(event.name), _LAST_EVENTS)
        except JournalError:
            return []  # nothing was delivered yet, or the console reports it
        details = [json.loads(text) for text in texts if text]
        findings += [
            Finding(
                _NAME,
                "warn",
                f"field '{field.name}' of event '{event.name}' was null in all of its last "
                f"{len(details)} events: does the path '{field.path}' lead anywhere?",
            )
            for field in event.fields
            if len(details) >= _FEWEST_EVENTS
            and all(detail.get(field.name, ...) is None for detail in details)
        ]
    return findings
