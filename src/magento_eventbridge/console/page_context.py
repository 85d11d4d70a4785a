"""What all pages share: the bridge, the user, and how a page is rendered."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jinja2
from aiohttp import web
from markupsafe import Markup

from magento_eventbridge import __version__
from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.console import words
from magento_eventbridge.console.access import CSRF_FIELD, Access, Session
from magento_eventbridge.console.audit_work import AuditWork
from magento_eventbridge.console.bridge_status import BridgeStatus, QueueState, Retried, status_of
from magento_eventbridge.console.groups import DeadLetterGroup, grouped
from magento_eventbridge.console.json_colours import json_colours
from magento_eventbridge.console.line_breaks import breakable, code_marks
from magento_eventbridge.console.queue_watch import PromptLetters, QueueWatch
from magento_eventbridge.counting import count
from magento_eventbridge.delivery.apart import GroupStatus
from magento_eventbridge.delivery.ports import Queue, QueueError
from magento_eventbridge.delivery.reasons import explain, without_event
from magento_eventbridge.delivery.status import DestinationStatus
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.journal.archive import Archive, Fault, JournalError
from magento_eventbridge.journal.last_minute import Outcomes

log = logging.getLogger(__name__)

SESSION = web.RequestKey("session", Session)

# Dead letters are read again when their number has changed, or after this many seconds.
_FAULTS_COUNT_FOR = 60.0
_FAULTS_READ = 10

PARTLY_PARKED = "partly parked"
"""The state of a destination that refuses a kind of events, and takes all others."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class DestinationRow:
    """A destination in a list, with what all queues report of it."""

    name: str
    in_memory: int = 0
    problem: str | None = None
    is_parked: bool = False
    is_used: bool = False
    refused: tuple[GroupStatus, ...] = ()

    def with_status(self, status: DestinationStatus) -> "DestinationRow":
        """Return the row with the status that one more queue reports."""
        return replace(
            self,
            in_memory=self.in_memory + status.in_memory,
            problem=self.problem or status.problem,
            is_parked=self.is_parked or status.is_parked,
            is_used=True,
            refused=(*self.refused, *status.refused),
        )

    @property
    def verdict(self) -> str:
        """The verdict whose mark stands for the state."""
        if self.is_parked or (self.refused and not self.problem):
            return "parked"
        if self.problem:
            return "waiting"
        return "delivered" if self.is_used else "off"

    @property
    def state(self) -> str:
        """The state in words."""
        if self.refused and not self.problem:
            return PARTLY_PARKED
        words = {"delivered": "takes events", "off": "no events since the start"}
        return words.get(self.verdict, self.verdict)


@dataclass
class PageContext:
    """What pages need: the bridge, the access rules, the journal and the templates.

    Attributes:
        examine: runs all checks of `doctor`.
        archive: reads the journal; None when it is disabled.
    """

    bridge: Bridge
    access: Access
    examine: Callable[[], Awaitable[list[Finding]]]
    archive: Archive | None
    is_closing: bool = False
    audit_work: AuditWork = field(default_factory=AuditWork)
    findings: tuple[float, list[Finding]] | None = None
    notification_test: tuple[float, dict[str, str | None]] | None = None
    _depths: list[QueueState] = field(default_factory=list)
    _watches: list[QueueWatch] = field(default_factory=list)
    _faults: list[Fault] = field(default_factory=list)
    _faults_of: list[tuple[str, int]] = field(default_factory=list)
    _faults_count_until: float = 0.0

    def __post_init__(self) -> None:
        """Prepare the templates."""
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("magento_eventbridge.console"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._templates.filters |= {
            "when": partial(_time_element, words.when, "when"),
            "clock": partial(_time_element, words.clock, "clock"),
            "second": partial(_time_element, words.second, "second"),
            "json_colours": json_colours,
            "breakable": breakable,
            "code_marks": code_marks,
            "duration": lambda seconds: _unbroken(words.duration(seconds)),
            "number": words.number,
            "bound": lambda seconds: _unbroken(words.bound(seconds)),
            "explain": explain,
            "plain": without_event,
            "verdict": words.VERDICTS.__getitem__,
        }
        self._templates.globals |= {"count": count, "version": __version__}

    def page(
        self, request: web.Request, template: str, *, status: int = 200, **context: Any
    ) -> web.Response:
        """Render a template as a response."""
        text = self.part(template, request=request, **context)
        # Addresses and headers may hold bytes that are no text.
        body = text.encode(errors="replace")
        return web.Response(body=body, status=status, content_type="text/html", charset="utf-8")

    def part(self, template: str, request: web.Request | None = None, **context: Any) -> str:
        """Render a template as text."""
        session = request.get(SESSION) if request else None
        return self._templates.get_template(template).render(
            session=session,
            path=request.path if request else "",
            has_login=self.access.has_login,
            has_password=self.access.has_password,
            may_act=session is not None and session.may_act,
            dead=sum(queue.depth.dead for queue in self._depths if queue.depth),
            **context,
        )

    def record(self, request: web.Request, action: str, *values: object) -> None:
        """Log who did what: every action of the console, at WARNING if it deletes something."""
        level = logging.WARNING if action.startswith("dropped") else logging.INFO
        log.log(level, f"Console: %s {action}", request[SESSION].user, *values)

    @property
    def journal_problem(self) -> str:
        """Why the journal cannot be written, and so lacks the present; empty: it can."""
        return (self.bridge.journal.problem or "") if self.bridge.journal else ""

    def archived(self) -> Archive:
        """Return the reader of the journal.

        Raises:
            JournalError: the journal is disabled.
        """
        if self.archive is None:
            raise JournalError("the journal is disabled: journal.enabled is off")
        return self.archive

    def last_minute(self, now: float, destination: str | None = None) -> Outcomes:
        """Return what became of events in the last minute, at one destination or at all."""
        journal = self.bridge.journal
        return journal.last_minute.outcomes(now, destination) if journal else Outcomes(0, 0)

    async def depths(self, *, refresh: bool = False) -> list[QueueState]:
        """Return what each queue holds; a page does not wait long for one that does not answer."""
        watches = [self._watch_of(queue) for queue in self.bridge.queues]
        self._depths = list(
            await asyncio.gather(*(watch.state(refresh=refresh) for watch in watches))
        )
        return self._depths

    def _watch_of(self, queue: Queue) -> QueueWatch:
        for watch in self._watches:
            if watch.queue is queue:
                return watch
        watch = QueueWatch(queue)
        present = [one for one in self._watches if one.queue in self.bridge.queues]
        self._watches = [*present, watch]
        return watch

    async def letters(self, queue: Queue) -> PromptLetters:
        """Return the dead letters of a queue.

        Raises:
            QueueError: the queue does not answer now.
        """
        return await self._watch_of(queue).letters()

    async def close(self) -> None:
        """End what the pages started."""
        await self.audit_work.stop()
        for watch in self._watches:
            await watch.close()

    def statuses(self) -> list[DestinationStatus]:
        """Return the status of each destination that has had events, of all queues."""
        return [status for one in self.bridge.dispatchers for status in one.destinations]

    def destination_rows(self) -> list[DestinationRow]:
        """Return every destination once: those that have had events, and those of the settings."""
        rows = {
            str(one): DestinationRow(str(one)) for one in sorted(self.bridge.destinations, key=str)
        }
        for status in self.statuses():
            name = str(status.destination)
            row = rows.get(name) or DestinationRow(name)
            rows[name] = row.with_status(status)
        return list(rows.values())

    def views_of(self, destination: str) -> dict[int, str]:
        """Return the titles of the store views whose events go to a destination, by id."""
        titles = self.views()
        seen = (one.views for one in self.statuses() if str(one.destination) == destination)
        ids = titles.keys() | frozenset().union(*seen)
        return {
            view_id: titles.get(view_id, str(view_id))
            for view_id in sorted(ids)
            if str(self.bridge.settings.view(view_id).route().destination) == destination
        }

    async def state(self) -> BridgeStatus:
        """Return the status of the bridge."""
        dispatchers = self.bridge.dispatchers
        times = [d.totals.last_delivery_at for d in dispatchers if d.totals.last_delivery_at]
        now, offset = time.time(), time.time() - time.monotonic()
        return status_of(
            self.statuses(),
            await self.depths(),
            max(times, default=None),
            now,
            offset,
            await self._retried(),
            await self.bridge.inlet_problem(),
        )

    async def _retried(self) -> Retried | None:
        """Return the latest reason for which events are retried; None: there is none."""
        if self.archive is None or self.journal_problem:
            return None
        try:
            faults = await self.archive.faults(_FAULTS_READ)
        except JournalError:
            return None  # the page reports it
        waiting = (Retried(one.reason, one.events) for one in faults if one.verdict == "waiting")
        return next(waiting, None)

    async def dead_faults(self) -> list[Fault]:
        """Return the reasons of the present dead letters, with their numbers."""
        counted = [(queue.name, queue.depth.dead) for queue in await self.depths() if queue.depth]
        if counted != self._faults_of or time.monotonic() > self._faults_count_until:
            groups: list[DeadLetterGroup] = []
            for name, dead in counted:
                with suppress(QueueError):  # the list of queues shows the error
                    groups += (
                        await grouped(name, await self.letters(self.queue(name))) if dead else []
                    )
            self._faults = [
                Fault("dead", group.reason, group.count, group.last_at) for group in groups
            ]
            self._faults_of = counted
            self._faults_count_until = time.monotonic() + _FAULTS_COUNT_FOR
        return self._faults

    def queue(self, name: str) -> Queue:
        """Return a queue by its name.

        Raises:
            web.HTTPNotFound: there is no such queue.
        """
        for queue in self.bridge.queues:
            if queue.name == name:
                return queue
        raise web.HTTPNotFound(text=f"There is no queue '{name}' here.")

    def views(self) -> dict[int, str]:
        """Return the titles of the known store views, by id."""
        named = {0: "admin"} | self.bridge.views
        ids = sorted(self.bridge.settings.stores.keys() | named.keys())
        return {
            number: f"{number} · {named[number]}" if number in named else str(number)
            for number in ids
        }


async def form_of(request: web.Request) -> dict[str, list[str]]:
    """Read the fields of a form that has passed `check_form`."""
    form = await request.post()
    fields: dict[str, list[str]] = {}
    for name, value in form.items():
        if name != CSRF_FIELD and isinstance(value, str):  # not a file
            fields.setdefault(name, []).append(value)
    return fields


def _unbroken(text: str) -> str:
    """Return a duration whose numbers and units stay in one line, apart from words before them."""
    words_before, more_than, figures = text.rpartition("than ")
    return words_before + more_than + figures.replace(" ", "\N{NO-BREAK SPACE}")


def _time_element(format_: Callable[[float], str], name: str, at: float | None) -> str:
    """Return a time as an element, which the browser can show in its own time zone."""
    if at is None:
        return words.NONE
    shown = format_(at)
    iso = datetime.fromtimestamp(at, UTC).isoformat()
    # Nothing of it is foreign text, and a page has hundreds.
    return Markup(f'<time datetime="{iso}" data-format="{name}">{shown}</time>')  # noqa: S704
