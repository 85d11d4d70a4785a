"""The checks between a capture and its bus: inlet, spool, queues, credentials, buses."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import uuid_utils

from magento_eventbridge.aws.clients import AwsError, Clients
from magento_eventbridge.aws.credentials import CredentialsError
from magento_eventbridge.bridge.queues import open_queue
from magento_eventbridge.bridge.sinks import Sinks
from magento_eventbridge.counting import count
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.delivery.claim_check import ClaimCheck
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.ports import Depth, QueueError, Sink
from magento_eventbridge.delivery.routing import Route
from magento_eventbridge.delivery.verdicts import Fate, judge
from magento_eventbridge.doctor.declarations import declarations, unused_declarations
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.doctor.store import DATABASE_ANSWERS_WITHIN
from magento_eventbridge.provisioning import global_endpoints, iam
from magento_eventbridge.queues.amqp.queue import AmqpQueue
from magento_eventbridge.queues.mysql.queue import MysqlQueue
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.sinks.claim_check.objects import StorageError
from magento_eventbridge.sinks.eventbridge.buses import BusState

# An entry that every bus refuses as malformed, once it has accepted caller, source and
# detail-type: the bus has answered, and no event was put on it.
_NO_EVENT = "this is no JSON object"
_TAKEN = ("InvalidArgument", "InvalidInputException", "MalformedDetail", "ValidationException")


async def check_delivery(settings: Settings) -> list[Finding]:
    """Check everything between a capture and its bus."""
    findings = [*declarations(settings), *await unused_declarations(settings), _inlet(settings)]
    if settings.inlet.secrets or not settings.outbox.enabled or settings.spool.path.exists():
        findings.append(await _spool(settings))
    names = [*(["outbox"] if settings.outbox.enabled else []), *settings.queues_of_queue_mode]
    findings += await asyncio.gather(*(_queue(settings, name) for name in names))
    catalog = CurrentCatalog(settings).catalog
    sinks = Sinks(settings)
    try:
        views: dict[str, Route] = {"all store views": settings.route()}
        for number, store in settings.stores.items():
            views[f"store view {number}"] = store.route()
        seen = set()
        for name, route in views.items():
            if route.destination in seen:
                continue
            seen.add(route.destination)
            shops = replace(route, catalog=catalog)
            findings += [finding async for finding in _destination(sinks, name, shops)]
    finally:
        await sinks.close()
    return findings


def _inlet(settings: Settings) -> Finding:
    if not settings.inlet.enabled:
        return Finding("inlet", "ok", "switched off")
    count = len(settings.inlet.secrets)
    if not count and settings.magento_root:
        return Finding("inlet", "ok", "stays closed: nobody has a secret for it")
    if not count:
        return Finding("inlet", "FAIL", "no secret is set (inlet.secrets): 'serve' will not start")
    return Finding("inlet", "ok", f"{count} secret{'s' if count > 1 else ''}")


async def _spool(settings: Settings) -> Finding:
    path = settings.spool.path
    if not path.exists():
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if folder.is_dir() and os.access(folder, os.W_OK):
            return Finding("spool", "ok", f"does not exist yet; 'serve' creates {path}")
        return Finding("spool", "FAIL", f"{path} cannot be created: {folder} cannot be written")
    try:
        queue = open_queue(settings, "sqlite")
        try:
            depth = await queue.depth()
            if isinstance(queue, SqliteQueue):
                await queue.check()
        finally:
            await queue.close()
    except QueueError as error:
        return Finding("spool", "FAIL", str(error))
    return Finding("spool", "ok", _contents(depth))


def _contents(depth: Depth) -> str:
    captures = f"{count(depth.captures, 'capture')} {'waits' if depth.captures == 1 else 'wait'}"
    return f"{captures}, {count(depth.dead, 'dead letter')}"


async def _queue(settings: Settings, name: str) -> Finding:
    try:
        queue = open_queue(settings, name, silence_seconds=DATABASE_ANSWERS_WITHIN)
    except SettingsError as error:
        return Finding(name, "FAIL", str(error))
    try:
        depth = await queue.depth()
        consumers, problem = 0, None
        if isinstance(queue, MysqlQueue):
            await queue.check_writing()
        if isinstance(queue, AmqpQueue):
            consumers, problem = await queue.consumers(), await queue.problem()
    except QueueError as error:
        return Finding(name, "FAIL", str(error))
    finally:
        await queue.close()
    if problem:
        return Finding(name, "FAIL", problem)
    waiting = _contents(depth)
    if consumers > 1:
        # Bridges of one shop may share a queue; nothing in it says which shop a message is from.
        return Finding(
            name,
            "warn",
            f"{waiting}; {consumers} consumers share the queue on virtual host "
            f"'{settings.amqp.virtual_host}': if they are of several shops, these receive each "
            "other's events; configure a virtual host for each shop",
        )
    return Finding(name, "ok", waiting)


async def _destination(sinks: Sinks, name: str, route: Route) -> AsyncIterator[Finding]:
    destination = route.destination
    if destination.dry_run:
        yield Finding(
            f"bus of {name}",
            "warn",
            "dry run: events are taken from the queue, written to the log and not sent; set "
            "options.dry_run_mode to false",
        )
        return
    try:
        summary = await sinks.credentials.summary(destination.credentials, destination.region)
    except CredentialsError as error:
        yield Finding(f"credentials of {name}", "FAIL", _with_advice(str(error), route))
        return
    yield Finding(f"credentials of {name}", "ok", str(summary))
    check = await sinks.buses.check(destination)
    if check.state is BusState.MISSING:
        yield Finding(f"bus of {name}", "FAIL", check.reason)
        return
    if check.state is BusState.UNKNOWN:
        unknown = (
            f"it is not known whether {destination} exists; if it is missing, EventBridge may "
            f"answer as if it had accepted the events: {_with_advice(check.reason, route)}"
        )
        yield Finding(f"existence of the bus of {name}", "warn", unknown)
    yield await _bus(sinks, name, route)
    if destination.endpoint_id:
        async for finding in _global_endpoint(sinks, name, route, destination.endpoint_id):
            yield finding
    if sinks.claim_check:
        yield await _claim_check(sinks, name, route, sinks.claim_check)


async def _global_endpoint(
    sinks: Sinks, name: str, route: Route, endpoint_id: str
) -> AsyncIterator[Finding]:
    """Check what events need when the primary region fails."""
    where, label = route.destination, f"global endpoint of {name}"
    try:
        # botocore's client waits for its answers.
        endpoint = await asyncio.to_thread(
            lambda: global_endpoints.find(Clients(where), endpoint_id)
        )
    except (AwsError, CredentialsError) as error:
        yield Finding(label, "warn", f"cannot be checked: {_with_advice(str(error), route)}")
        return
    if endpoint is None:
        yield Finding(
            label,
            "FAIL",
            f"{where.region} has no global endpoint with the ID {endpoint_id}: options.region must "
            "be its primary region",
        )
        return
    if problem := endpoint.problem(where.event_bus, where.region):
        yield Finding(label, "FAIL", f"{endpoint.name}: {problem}")
        return
    secondary = replace(
        where, region=endpoint.secondary, event_bus=endpoint.secondary_bus, endpoint_id=None
    )
    check = await sinks.buses.check(secondary)
    if check.state is BusState.MISSING:
        yield Finding(label, "FAIL", f"{endpoint.name}: {check.reason}")
    elif not endpoint.replicates:
        yield Finding(
            label,
            "warn",
            f"{endpoint.name} does not replicate events: after a failover someone must set its "
            "health check back by hand; enable its event replication",
        )
    else:
        yield Finding(
            label,
            "ok",
            f"{endpoint.name} fails over from {where.region} to {endpoint.secondary}; the rules "
            "there are not checked",
        )


async def _claim_check(sinks: Sinks, name: str, route: Route, claim_check: ClaimCheck) -> Finding:
    """Store an object as the arrays of large events are stored."""
    key = f"{claim_check.prefix}doctor.json"
    try:
        await sinks.objects.put(route.destination, key, b"{}")
    except StorageError as error:
        advice = "the arrays of large events cannot be stored, such events wait"
        return Finding(f"bucket of {name}", "FAIL", _with_advice(f"{advice}: {error}", route))
    return Finding(f"bucket of {name}", "ok", f"s3://{claim_check.bucket}/{key} was written")


async def _bus(sinks: Sinks, name: str, route: Route) -> Finding:
    sink = sinks.of(route.destination)
    began = time.monotonic()
    answer = await sink.put(route.destination, [_probe(route, "OrderPlaced")])
    seconds = time.monotonic() - began
    code = answer.results[0].error_code if answer.results else answer.error_code
    verdict = judge(1, answer, sink.codes)[0]
    is_taken = verdict.fate is Fate.DELIVERED or code in _TAKEN
    if not is_taken and verdict.fate is not Fate.DENY:
        message = _with_advice(f"{route.destination}: {verdict.reason}", route)
        return Finding(f"bus of {name}", "FAIL", message)
    if denied := await _denied(sink, route):
        types = ", ".join(denied)
        reason = _with_advice(next(iter(denied.values())), route)
        message = f"{route.destination} refuses {types} of source '{route.source}': {reason}"
        return Finding(f"bus of {name}", "FAIL", message)
    return Finding(
        f"bus of {name}", "ok", f"{route.destination} answers in {seconds * 1000:.0f} ms"
    )


async def _denied(sink: Sink, route: Route) -> dict[str, str]:
    """Return the detail-types that are switched on and not permitted, each with AWS's words."""
    types = [
        route.detail_type(event.detail_type) for event in route.catalog.events if route.is_on(event)
    ]
    denied = {}
    # A malformed entry would spoil a whole call of a Custom Event Bus.
    size = 1 if route.destination.is_custom_bus else sink.limits.max_entries
    for start in range(0, len(types), size):
        some = types[start : start + size]
        answer = await sink.put(route.destination, [_probe(route, name) for name in some])
        for name, verdict in zip(some, judge(len(some), answer, sink.codes), strict=True):
            if verdict.fate is Fate.DENY:
                denied[name] = verdict.reason
    return denied


def _probe(route: Route, detail_type: str) -> Entry:
    return Entry.of(
        source=route.source,
        detail_type=detail_type,
        detail=_NO_EVENT,
        time=time.time(),
        event_bus=route.destination.event_bus,
        id=str(uuid_utils.uuid7()),
    )


def _with_advice(refusal: str, route: Route) -> str:
    """Add the missing statement if AWS refuses for a missing permission."""
    advice = iam.missing(refusal, route.source)
    return f"{refusal}; {advice}" if advice else refusal
