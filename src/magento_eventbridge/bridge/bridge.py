"""The composition root: create the running bridge from settings."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from magento_eventbridge import file_descriptors
from magento_eventbridge.aws.credentials import CredentialsFinder
from magento_eventbridge.bridge.background import background_task
from magento_eventbridge.bridge.bus_watch import watch_buses
from magento_eventbridge.bridge.deliveries import Deliveries
from magento_eventbridge.bridge.heartbeat import heartbeat
from magento_eventbridge.bridge.inlets import check_inlet, inlet_options, why_off
from magento_eventbridge.bridge.notifying import Notifier
from magento_eventbridge.bridge.queues import open_queue
from magento_eventbridge.bridge.routes import Routes
from magento_eventbridge.bridge.scheduled_audit import ScheduledAudit
from magento_eventbridge.bridge.service_manager import ServiceManager
from magento_eventbridge.bridge.startup import start_log, tracing
from magento_eventbridge.captures import read_capture
from magento_eventbridge.catalog.declared import ShopCatalog
from magento_eventbridge.declarations.current import CurrentCatalog
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.outage import Outage
from magento_eventbridge.delivery.ports import Queue, QueueError
from magento_eventbridge.delivery.routing import Destination
from magento_eventbridge.inlets.http import Inlet
from magento_eventbridge.journal.recorder import Recorder
from magento_eventbridge.ledger.recorder import Ledger
from magento_eventbridge.listener import ListenerOptions, ListenError
from magento_eventbridge.magento.database import DatabaseError, database_options
from magento_eventbridge.magento.live_store import LiveStore, Reading, follow
from magento_eventbridge.observability.metrics import AuditFigures
from magento_eventbridge.observability.monitoring_server import MonitoringServer
from magento_eventbridge.queues.mysql.heartbeat import Heartbeat
from magento_eventbridge.queues.mysql.outbox import OutboxQueue
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import CONNECTIONS, Origins
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.sinks.eventbridge.buses import EventBuses

log = logging.getLogger(__name__)


# Seconds between two checks of the files that declare events.
_DECLARATIONS_SECONDS = 10.0
# Seconds between two checks whether a file descriptor is free.
_DESCRIPTORS_SECONDS = 1.0
_PUT_AT_ONCE = 500
# In seconds: for whoever asks whether the spool can be written again.
_INLET_ANSWERS_WITHIN = 1.0
# Seconds between a refused login and reading the settings again.
_LOGINS_SECONDS = 1.0


@asynccontextmanager
async def _written(journal: Recorder | Ledger) -> AsyncIterator[None]:
    """Write a journal or ledger while the context lasts."""
    journal.open()
    try:
        yield
    finally:
        await asyncio.to_thread(journal.close)


class Bridge:
    """Everything that is configured, in one process.

    Attributes:
        settings, origins: in force now; a store's configuration may change them.
        views: the names of the store's views by their ids, as far as they are known.
        deliveries: what delivers, once `serve` has begun.
        journal: the events that the console shows; None: no journal is kept.
        ledger: what was delivered, for the audit; None: none is kept.
        notifier: notifies people of problems.
        credentials: those that calls are signed with.
    """

    def __init__(
        self,
        settings: Settings,
        store: LiveStore | None = None,
        origins: Origins | None = None,
        *,
        read_own: Callable[[], Settings] | None = None,
    ) -> None:
        """Check what can be checked before anything is opened.

        Args:
            settings: all of them; with a store, those that say how to reach it.
            store: its configuration is used, and followed when it changes.
            origins: where the settings came from.
            read_own: reads the settings again after a refused login, where there is no store.

        Raises:
            SettingsError: the inlet would accept captures from everybody.
        """
        if store is None:
            check_inlet(settings.inlet)
        self.settings = settings
        self.origins = origins or Origins()
        self.views: dict[int, str] = {}
        self.journal: Recorder | None = None
        if file := settings.journal_file:
            self.journal = Recorder(file, settings.journal.retention())
        self.ledger: Ledger | None = None
        if file := settings.ledger_file:
            self.ledger = Ledger(file, settings.ledger.days)
        self.monitoring: MonitoringServer | None = None
        if settings.metrics.enabled:
            where = ListenerOptions(settings.metrics.host, settings.metrics.port)
            self.monitoring = MonitoringServer(where, self.journal)
        self.notifier = Notifier(
            settings, lambda: list(zip(self.queues, self.dispatchers, strict=True))
        )
        if self.monitoring:
            self.monitoring.watch_notifications(self.notifier.senders)
        self._tracing = tracing(settings)
        self.store = store
        self._declarations = CurrentCatalog(settings)
        self._routes = Routes(settings, self._declarations.catalog)
        if self.journal:
            self.journal.shown_capture = lambda view_id, body: self._routes(view_id).shown_capture(
                body
            )
        self.credentials = CredentialsFinder()
        self._buses = EventBuses(self.credentials)
        self._heartbeat: Heartbeat | None = None  # of the outbox that is delivered from
        self._stack: AsyncExitStack | None = None  # while it runs
        self._spool: SqliteQueue | None = None
        self._inlet: Inlet | None = None
        self._read_own = read_own
        self._login_refused = asyncio.Event()
        self.deliveries = Deliveries(
            self._routes,
            self._buses,
            self.credentials,
            [observer for observer in (self.journal, self.ledger, self._tracing) if observer],
            self.monitoring,
            when_refused=store.check_again if store else self._login_refused.set,
            when_one_ends=self.stop,
        )
        self._stopping = asyncio.Event()
        self._service_manager = ServiceManager(os.environ)

    @property
    def queues(self) -> list[Queue]:
        """The queues that it delivers from."""
        return self.deliveries.queues

    @property
    def dispatchers(self) -> list[Dispatcher]:
        """What moves captures from each queue to the event buses."""
        return self.deliveries.dispatchers

    @property
    def destinations(self) -> set[Destination]:
        """The destinations of all store views, as the settings are now."""
        return self._routes.destinations

    @property
    def catalog(self) -> ShopCatalog:
        """The events of the shop, as they are declared now."""
        return self._routes.catalog

    def stop(self) -> None:
        """Ask `serve` to end."""
        if not self._stopping.is_set():
            self._service_manager.stopping()
        self._stopping.set()
        self.deliveries.stop()

    async def serve(self) -> None:
        """Take captures and deliver them until asked to stop.

        Raises:
            QueueError, ListenError: it cannot begin.
            SettingsError: the store's configuration cannot be used.
        """
        async with AsyncExitStack() as stack:
            signs_of_life = self._service_manager.keep_alive(self._status_line)
            await stack.enter_async_context(background_task(signs_of_life, "service manager"))
            if self._tracing:
                stack.push_async_callback(asyncio.to_thread, self._tracing.close)
            if self.monitoring:
                await self.monitoring.open()
                stack.push_async_callback(self.monitoring.close)
                log.info("Metrics and health are at %s", self.monitoring.url)
            if self.store:
                stack.push_async_callback(self.store.close)
                await self._read(self.store)
                if self._stopping.is_set():
                    return
            if self.journal:
                await stack.enter_async_context(_written(self.journal))
            if self.ledger:
                await stack.enter_async_context(_written(self.ledger))
            await self._run(stack)

    async def send_again(self, bodies: Sequence[bytes]) -> None:
        """Put captures of delivered events into the spool; they keep their ids.

        Raises:
            QueueError: they could not be saved, or the bridge has not started or is stopping.
        """
        if self._stack is None or self._stopping.is_set():
            raise QueueError("the bridge has not started yet, or is stopping: try again later")
        captures = [(read_capture(body), body) for body in bodies]
        if private := sorted({c.view_id for c, _ in captures if self._routes(c.view_id).privacy}):
            raise QueueError(
                f"nothing is sent again: privacy settings apply to store view {private[0]}, so the "
                "journal has no complete captures of it"
            )
        if self._spool is None:
            self._spool = SqliteQueue(self.settings.spool.path)
            await self.deliveries.begin(self._stack, self._spool, self.settings)
            log.info("Delivering what is in %s", self.settings.spool.path)
        for start in range(0, len(captures), _PUT_AT_ONCE):
            await self._spool.put(captures[start : start + _PUT_AT_ONCE])

    def _status_line(self) -> str:
        """Return the bridge's status in one line, for `systemctl status`."""
        if self._stopping.is_set():
            return "Stopping: calls in flight are finished"
        if not self.dispatchers:
            return "Waiting for the store's database" if self.store else "Starting"
        problems = {k: v for one in self.dispatchers for k, v in one.problems.items()}
        if problems:
            return "; ".join(f"No delivery to {name}: {why}" for name, why in problems.items())
        delivered = sum(one.totals.delivered for one in self.dispatchers)
        return f"Delivering: {delivered} events delivered since the start"

    async def _read(self, store: LiveStore) -> None:
        """Read the store's configuration, as soon as its database can be reached."""
        outage = Outage(
            "Cannot read the store's configuration", "The store's configuration has been read"
        )
        while not self._stopping.is_set():
            try:
                reading = await store.read()
            except DatabaseError as error:
                # The service has started: what it waits for may itself start later.
                self._service_manager.ready(self._status_line())
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), outage.goes_on(error))
                continue
            outage.is_over()
            self._keep(reading)
            self._routes.renew(self.settings)
            start_log(self.settings)
            return

    def _keep(self, reading: Reading) -> None:
        self.settings, self.origins = reading.settings, reading.origins
        self.views = {view.id: view.code for view in reading.rows.stores}

    async def _run(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        if self.monitoring:
            files = {
                "journal": self.journal and self.journal.path,
                "ledger": self.ledger and self.ledger.path,
                "log": self.settings.log_file,
            }
            for name, path in files.items():
                if path:
                    self.monitoring.watch_file(name, path)
        try:
            stack.push_async_callback(self._buses.close)
            watch = watch_buses(self._routes, self._buses)
            await stack.enter_async_context(background_task(watch, "event buses"))
            await self._open(stack)
            if not self._inlet:
                log.info("No HTTP inlet: %s", why_off(self.settings.inlet))
            watch = _watch_descriptors()
            await stack.enter_async_context(background_task(watch, "file descriptors"))
            watch = self._follow_declarations()
            await stack.enter_async_context(background_task(watch, "declarations"))
            figures = self.monitoring.audit if self.monitoring else AuditFigures()
            watch = ScheduledAudit(lambda: self.settings, figures).run()
            await stack.enter_async_context(background_task(watch, "audit"))
            await stack.enter_async_context(self.notifier.running(figures))
            if self.monitoring:
                self.monitoring.is_serving()
            self._service_manager.ready(self._status_line())
            if self.store:
                watch = follow(self.store, partial(self._apply, stack))
                await stack.enter_async_context(background_task(watch, "store's configuration"))
            elif self._read_own:
                watch = self._follow_logins(stack, self._read_own)
                await stack.enter_async_context(background_task(watch, "logins"))
            await self._stopping.wait()
        finally:
            self.stop()
            await self.deliveries.until_ended()

    async def _apply(self, stack: AsyncExitStack, reading: Reading) -> None:
        """Apply the store's new configuration."""
        settings = reading.settings
        self._keep(reading)
        changed = self._routes.renew(settings)
        self.deliveries.reroute(changed)
        if self._heartbeat:
            self._heartbeat.check_credentials_again()
        start_log(settings)
        log.info("The store's configuration has changed and is used from now on")
        if self._inlet and settings.inlet.secrets:
            self._inlet.trust(inlet_options(settings.inlet).secrets)
        elif self._inlet:
            log.warning(
                "The HTTP inlet has no secret any more; this takes effect at the next start"
            )
        await self._move(stack)

    async def _move(self, stack: AsyncExitStack) -> None:
        """Use the present logins, and deliver from where the queues are now."""
        await self.deliveries.renew_logins(self.settings)
        self.deliveries.use(self.settings)
        if self._stopping.is_set():
            return
        try:
            await self._open(stack)
        except (ListenError, QueueError, SettingsError) as error:
            log.error("Not everything in the new configuration can be opened: %s", error)

    async def _follow_logins(self, stack: AsyncExitStack, read: Callable[[], Settings]) -> None:
        """Read again how to log in whenever a login is refused: a password may be new."""
        while True:
            await self._login_refused.wait()
            await asyncio.sleep(_LOGINS_SECONDS)
            self._login_refused.clear()
            try:
                settings = await asyncio.to_thread(read)
            except SettingsError as error:
                reason = "; ".join(str(error).splitlines())
                log.error("A login was refused, and the settings cannot be read again: %s", reason)
                continue
            changed = {name: getattr(settings, name) for name in CONNECTIONS}
            if any(value != getattr(self.settings, name) for name, value in changed.items()):
                self.settings = self.settings.model_copy(update=changed)
                log.info("A login was refused; the settings name another one, which is used now")
                await self._move(stack)

    async def _follow_declarations(self) -> None:
        """Use the shop's declarations when they change."""
        while True:
            await asyncio.sleep(_DECLARATIONS_SECONDS)
            if await asyncio.to_thread(self._declarations.refresh):
                changed = self._routes.use(self._declarations.catalog)
                self.deliveries.reroute(changed)
                log.info("The shop's declarations have changed and are used from now on")

    async def _open(self, stack: AsyncExitStack) -> None:
        """Open what the settings require and is not open yet.

        What they no longer require stays open: it may hold captures that wait.
        """
        settings = self.settings
        if self._spool is None and self._needs_spool:
            self._spool = SqliteQueue(settings.spool.path)
            if self.monitoring:
                self.monitoring.watch_file("spool", settings.spool.path)
            await self.deliveries.begin(stack, self._spool, settings)
            log.info("Delivering what is in %s", settings.spool.path)
        if settings.outbox.enabled and OutboxQueue.name not in self.deliveries:
            options = database_options(settings.outbox)
            outbox = OutboxQueue(options)
            delivery = await self.deliveries.begin(stack, outbox, settings)
            writer = heartbeat(self._routes, outbox, delivery.dispatcher, self.ledger)
            self._heartbeat = await delivery.stack.enter_async_context(writer)
            log.info("Delivering what is in the outbox of %s", options)
        for name in settings.queues_of_queue_mode:
            if name not in self.deliveries:
                await self.deliveries.begin(stack, open_queue(settings, name), settings)
                log.info("Delivering what is in Magento's queue (%s)", name)
        if (
            self._spool
            and self._inlet is None
            and settings.inlet.enabled
            and settings.inlet.secrets
        ):
            await self._listen(stack, self._spool)

    @property
    def _needs_spool(self) -> bool:
        """Whether there is an inlet, or something left of one; nobody else needs a spool."""
        settings = self.settings
        has_others = settings.outbox.enabled or settings.queues_of_queue_mode
        return settings.inlet.is_wanted or not has_others or _is_there(settings.spool.path)

    async def inlet_problem(self) -> str:
        """Return why the inlet keeps no captures now; empty: it keeps them, or there is none."""
        if self._inlet is None:
            return ""
        with contextlib.suppress(TimeoutError):  # then the known problem lasts
            await asyncio.wait_for(self._inlet.check_problem(), _INLET_ANSWERS_WITHIN)
        return self._inlet.problem

    async def _listen(self, stack: AsyncExitStack, spool: SqliteQueue) -> None:
        inlet = Inlet(inlet_options(self.settings.inlet), spool)
        await inlet.open()
        stack.push_async_callback(inlet.close)
        self._inlet = inlet
        if self.monitoring:
            self.monitoring.watch_inlet("http", inlet.counters)
        log.info("Listening for captures at %s", inlet.url)


async def _watch_descriptors() -> None:
    """Log when no file descriptor is left: the system then closes connections by itself."""
    lacked = False
    while True:
        shortage = file_descriptors.shortage()
        if shortage and not lacked:
            log.error("New connections are closed without an answer: %s", shortage)
        elif lacked and not shortage:
            log.warning("File descriptors are free again; connections are accepted.")
        lacked = shortage is not None
        await asyncio.sleep(_DESCRIPTORS_SECONDS)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True  # opening it will report what is wrong
