"""The composition root: makes a running bridge of settings; alone knows every queue and sink."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from magento_eventbridge.aws.credentials import CredentialsError, CredentialsFinder
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.envelope import Entry
from magento_eventbridge.delivery.journal import Journal, Journals
from magento_eventbridge.delivery.outage import Outage
from magento_eventbridge.delivery.policy import Policy
from magento_eventbridge.delivery.ports import Queue, QueueError, Sink
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.delivery.verdicts import Verdict, judge
from magento_eventbridge.inlets.http import Inlet, InletOptions
from magento_eventbridge.journal.recorder import Recorder
from magento_eventbridge.listener import ListenerOptions, ListenError
from magento_eventbridge.observability import log as logs
from magento_eventbridge.observability.operators import Operators
from magento_eventbridge.observability.tracing import Tracing, TracingError
from magento_eventbridge.queues.amqp import AmqpQueue
from magento_eventbridge.queues.amqp_connection import AmqpOptions
from magento_eventbridge.queues.magento_db import MagentoDbQueue
from magento_eventbridge.queues.outbox import OutboxQueue
from magento_eventbridge.queues.outbox_heart import Heart
from magento_eventbridge.queues.sqlite import SqliteQueue
from magento_eventbridge.settings import InletSettings, Origins, Settings, SettingsError
from magento_eventbridge.sinks.dry_run import DryRunSink
from magento_eventbridge.sinks.eventbridge import EventBridgeSink
from magento_eventbridge.store import Reading, Store, follow, mysql_options

log = logging.getLogger(__name__)

Result = TypeVar("Result")


class Sinks:
    """The sinks of a bridge: EventBridge for what is meant, a dry run for what is not."""

    def __init__(self, settings: Settings) -> None:
        self.credentials = CredentialsFinder()
        self._eventbridge = EventBridgeSink(
            self.credentials,
            max_bytes=settings.delivery.max_entry_bytes,
            answer_seconds=settings.delivery.answer_seconds,
        )
        self._dry_run = DryRunSink(self._eventbridge.limits)

    def of(self, destination: Destination) -> Sink:
        """Give the sink that serves a destination."""
        return self._dry_run if destination.dry_run else self._eventbridge

    async def try_out(self, route: Route, entry: Entry) -> Verdict:
        """Send one entry, and judge the answer."""
        sink = self.of(route.destination)
        return judge(1, await sink.put(route.destination, [entry]), sink.codes)[0]

    async def close(self) -> None:
        """Let go of connections."""
        await self._eventbridge.close()


class Routes:
    """The routes of store views, made once for each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[int, Route] = {}

    def __call__(self, store_id: int) -> Route:
        """Give the route of a store view."""
        if store_id not in self._known:
            self._known[store_id] = self._settings.store(store_id).route()
        return self._known[store_id]

    def renew(self, settings: Settings) -> set[int]:
        """Go by other settings; gives the store views whose route is another one now."""
        former, self._known, self._settings = self._known, {}, settings
        return {store_id for store_id, route in former.items() if self(store_id) != route}

    @property
    def destinations(self) -> set[Destination]:
        """Where events may go."""
        views = (self._settings, *self._settings.stores.values())
        return {view.route().destination for view in views}


def start_log(settings: Settings) -> None:
    """Begin to write the log as the settings say.

    Raises:
        LogFileError: its file cannot be opened.
    """
    level = (
        logging.DEBUG if settings.is_verbose else logging.getLevelName(settings.log.level.upper())
    )
    logs.set_up(level=level, style=settings.log.format, file=settings.log_file)


def tracing(settings: Settings) -> Tracing | None:
    """Begin to trace, if the settings say so.

    Raises:
        SettingsError: the extra `otel` is not installed.
    """
    if not settings.tracing.enabled:
        return None
    try:
        return Tracing.to_collector(settings.tracing.endpoint)
    except TracingError as error:
        raise SettingsError(f"tracing.enabled: {error}") from None


def open_queue(
    settings: Settings,
    name: str | None = None,
    *,
    must_exist: bool = False,
    at_most: int | None = None,
) -> Queue:
    """Open a queue by its name; without one, the outbox if it is enabled, else the spool.

    Who claims no more than `at_most` captures says so here: more need not be fetched.

    Raises:
        SettingsError: there is no queue of that name.
        QueueError: it cannot be opened, or is not there though it must be.
    """
    match name or (OutboxQueue.name if settings.outbox.enabled else SqliteQueue.name):
        case SqliteQueue.name:
            if must_exist and not settings.spool.path.exists():
                raise QueueError(f"there is no spool at {settings.spool.path}; 'serve' makes one")
            return SqliteQueue(settings.spool.path)
        case OutboxQueue.name:
            return OutboxQueue(mysql_options(settings.outbox))
        case MagentoDbQueue.name:
            return MagentoDbQueue(mysql_options(settings.outbox), settings.magento_db.queue)
        case AmqpQueue.name:
            return AmqpQueue(_amqp_options(settings, at_most))
    known = ", ".join(queue.name for queue in _QUEUES)
    raise SettingsError(f"there is no queue '{name}'; there are: {known}")


_QUEUES = (SqliteQueue, OutboxQueue, MagentoDbQueue, AmqpQueue)


def _amqp_options(settings: Settings, at_most: int | None = None) -> AmqpOptions:
    amqp = settings.amqp
    if amqp.host is None:
        raise SettingsError(
            "amqp.host: the broker is not known: name it, or point the bridge by --magento-root at "
            "a store whose env.php has queue/amqp"
        )
    destinations = Routes(settings).destinations
    return AmqpOptions(
        host=amqp.host,
        port=amqp.port,
        user=amqp.user,
        password=amqp.password.get_secret_value() if amqp.password else "",
        virtual_host=amqp.virtual_host,
        queue=amqp.queue,
        prefetch=min(amqp.prefetch, at_most or amqp.prefetch),
        sets_aside=len(destinations) > 1,
        tls=amqp.tls,
        tls_ca=amqp.tls_ca,
        tls_certificate=amqp.tls_certificate,
        tls_key=amqp.tls_key,
        tls_verify=amqp.tls_verify,
        tls_verify_host=amqp.tls_verify_host,
    )


def run_loop(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine as a long-lived process should: on uvloop, with a patient collector."""
    # What was imported stays: the collector need not look at it again and again. What delivery
    # makes is gone when its call is over, nearly always without the collector's help. So it should
    # not look at what is merely in hand: some thousand events, of a dozen objects each.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    return uvloop.run(main)


@asynccontextmanager
async def dispatching(
    settings: Settings,
    queue: Queue,
    routes: Routes | None = None,
    journal: Journal | None = None,
) -> AsyncIterator[Dispatcher]:
    """Give a dispatcher over a queue; what it opened is closed at the end."""
    sinks = Sinks(settings)
    try:
        routes = routes or Routes(settings)
        yield Dispatcher(queue, routes, sinks.of, _policy(settings, queue, routes), journal)
    finally:
        await sinks.close()


def _policy(settings: Settings, queue: Queue, routes: Routes) -> Policy:
    """Say how eager delivery from a queue is.

    A broker leaves so many messages with us and no more: what waits for destinations that are dead
    must not be all of them, or nothing comes for the others.
    """
    policy = settings.delivery.policy()
    destinations = len(routes.destinations)
    if not isinstance(queue, AmqpQueue) or destinations == 1:
        return policy
    share = max(1, queue.prefetch // (destinations + 1))
    return replace(policy, entries_per_destination=min(policy.entries_per_destination, share))


@asynccontextmanager
async def beating(
    routes: Routes, queue: OutboxQueue, dispatcher: Dispatcher
) -> AsyncIterator[Heart]:
    """Let the store know how its bridge fares while the context lasts."""
    finder = CredentialsFinder()

    async def look() -> str:
        told = set()
        for destination in routes.destinations:
            if destination.dry_run:
                told.add("none needed for a dry run")
                continue
            try:
                told.add(str(await finder.look(destination.credentials, destination.region)))
            except CredentialsError as error:
                told.add(str(error))
        return "; ".join(sorted(told))

    heart = Heart(queue, dispatcher, look)
    async with _meanwhile(heart.beat(), "heartbeat"):
        yield heart


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Let something go on while the context lasts."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def _written(journal: Recorder) -> AsyncIterator[None]:
    """Let a journal be written while the context lasts."""
    journal.open()
    try:
        yield
    finally:
        await asyncio.to_thread(journal.close)


class Bridge:
    """Everything that is configured, in one process.

    Attributes:
        settings, origins: what counts now; a store's configuration may change them.
        views: the names of the store's views by their ids, as far as they are known.
        queues, dispatchers: what delivers, once `serve` has begun.
        journal: what the console knows of events; None: none is kept.
    """

    def __init__(
        self, settings: Settings, store: Store | None = None, origins: Origins | None = None
    ) -> None:
        """Check what can be checked before anything is opened.

        Args:
            settings: all of them; with a store, those that say how to reach it.
            store: whose configuration counts, and is followed.

        Raises:
            SettingsError: the inlet would stand open to everybody.
        """
        if store is None and settings.inlet.enabled and not settings.inlet.secrets:
            raise SettingsError(
                "inlet.secrets: the HTTP inlet needs a secret that it shares with the shop: set "
                "MAGENTO_EVENTBRIDGE_INLET__SECRETS to at least 16 random characters (`openssl "
                "rand -hex 32` makes some), or set inlet.enabled = false"
            )
        self.settings = settings
        self.origins = origins or Origins()
        self.views: dict[int, str] = {}
        self.queues: list[Queue] = []
        self.dispatchers: list[Dispatcher] = []
        self.journal: Recorder | None = None
        if file := settings.journal_file:
            self.journal = Recorder(file, settings.journal.retention())
        self.operators: Operators | None = None
        if settings.metrics.enabled:
            where = ListenerOptions(settings.metrics.host, settings.metrics.port)
            self.operators = Operators(where, self.journal)
        self._tracing = tracing(settings)
        self.store = store
        self._routes = Routes(settings)
        self._deliveries: dict[str, asyncio.Task[None]] = {}  # by the queue's name
        self._hearts: list[Heart] = []
        self._spool: SqliteQueue | None = None
        self._inlet: Inlet | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask `serve` to end."""
        self._stopping.set()
        for dispatcher in self.dispatchers:
            dispatcher.stop()

    async def serve(self) -> None:
        """Take captures and deliver them until asked to stop.

        Raises:
            QueueError, ListenError: it cannot begin.
            SettingsError: the store's configuration cannot be used.
        """
        async with AsyncExitStack() as stack:
            if self._tracing:
                stack.push_async_callback(asyncio.to_thread, self._tracing.close)
            if self.operators:
                await self.operators.open()
                stack.push_async_callback(self.operators.close)
                log.info("Telling metrics and health at %s", self.operators.url)
            if self.store:
                stack.push_async_callback(self.store.close)
                await self._read(self.store)
                if self._stopping.is_set():
                    return
            if self.journal:
                await stack.enter_async_context(_written(self.journal))
            await self._run(stack)

    async def _read(self, store: Store) -> None:
        """Read the store's configuration, as soon as its database can be reached."""
        outage = Outage(
            "Cannot read the store's configuration", "The store's configuration has been read"
        )
        while not self._stopping.is_set():
            try:
                reading = await store.read()
            except QueueError as error:
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
        try:
            await self._open(stack)
            if not self._inlet:
                log.info("No HTTP inlet: %s", _why_off(self.settings.inlet))
            if self.operators:
                self.operators.is_serving()
            if self.store:
                watch = follow(self.store, partial(self._apply, stack))
                await stack.enter_async_context(_meanwhile(watch, "store's configuration"))
            await self._stopping.wait()
        finally:
            self.stop()
            await asyncio.gather(*self._deliveries.values())
            tallies = [dispatcher.tally for dispatcher in self.dispatchers]
            log.info(
                "Stopped: %d delivered, %d buried",
                sum(tally.delivered for tally in tallies),
                sum(tally.buried for tally in tallies),
            )

    async def _apply(self, stack: AsyncExitStack, reading: Reading) -> None:
        """Go by what the store's configuration has become."""
        former, settings = self.settings, reading.settings
        self._keep(reading)
        changed = self._routes.renew(settings)
        for dispatcher in self.dispatchers:
            dispatcher.reroute(changed)
        for heart in self._hearts:
            heart.look_again()
        start_log(settings)
        log.info("The store's configuration has changed and counts from now on")
        if settings.outbox != former.outbox:
            log.warning("Where the outbox is, as the store now says, counts from the next start")
        if self._inlet and settings.inlet.secrets:
            self._inlet.trust(self._inlet_options().secrets)
        elif self._inlet:
            log.warning("That the HTTP inlet has no secret any more counts from the next start")
        if self._stopping.is_set():
            return
        try:
            await self._open(stack)
        except (ListenError, QueueError, SettingsError) as error:
            log.error("Not all that the store now asks for can be opened: %s", error)

    async def _open(self, stack: AsyncExitStack) -> None:
        """Open what the settings ask for and is not open yet.

        What they no longer ask for stays open: it may hold what is still to be delivered.
        """
        settings = self.settings
        if self._spool is None and self._needs_spool:
            self._spool = SqliteQueue(settings.spool.path)
            await self._deliver(stack, self._spool)
            log.info("Delivering what is in %s", settings.spool.path)
        if settings.outbox.enabled and OutboxQueue.name not in self._deliveries:
            options = mysql_options(settings.outbox)
            outbox = OutboxQueue(options)
            dispatcher = await self._deliver(stack, outbox)
            heart = beating(self._routes, outbox, dispatcher)
            self._hearts.append(await stack.enter_async_context(heart))
            log.info("Delivering what is in the outbox of %s", options)
        for name in settings.queues_of_queue_mode:
            if name not in self._deliveries:
                await self._deliver(stack, open_queue(settings, name))
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

    async def _listen(self, stack: AsyncExitStack, spool: SqliteQueue) -> None:
        inlet = Inlet(self._inlet_options(), spool)
        await inlet.open()
        stack.push_async_callback(inlet.close)
        self._inlet = inlet
        if self.operators:
            self.operators.watch_inlet("http", inlet.intake)
        log.info("Listening for captures at %s", inlet.url)

    async def _deliver(self, stack: AsyncExitStack, queue: Queue) -> Dispatcher:
        """Deliver from a queue until the bridge is to stop; the queue is closed at the end."""
        stack.push_async_callback(queue.close)
        dispatcher = await stack.enter_async_context(
            dispatching(self.settings, queue, self._routes, self._told_of(queue))
        )
        if self.operators:
            self.operators.watch_delivery(queue, dispatcher)
        self.queues.append(queue)
        self.dispatchers.append(dispatcher)
        delivery = asyncio.create_task(dispatcher.run(), name=f"delivery from {queue.name}")
        delivery.add_done_callback(lambda _: self.stop())  # it ends when asked to, or by a fault
        self._deliveries[queue.name] = delivery
        return dispatcher

    def _told_of(self, queue: Queue) -> Journal | None:
        """Give who is told what becomes of a queue's captures; None while nobody wants to know."""
        counts = self.operators.counts(queue) if self.operators else None
        told = [journal for journal in (self.journal, counts, self._tracing) if journal]
        return Journals(told) if len(told) > 1 else next(iter(told), None)

    def _inlet_options(self) -> InletOptions:
        inlet = self.settings.inlet
        return InletOptions(
            host=inlet.host,
            port=inlet.port,
            secrets=tuple(secret.get_secret_value() for secret in inlet.secrets),
            max_body_bytes=inlet.max_body_bytes,
            max_waiting_bytes=inlet.max_waiting_bytes,
            max_connections=inlet.max_connections,
            replay_window=inlet.replay_window,
            tls_certificate=inlet.tls_certificate,
            tls_key=inlet.tls_key,
        )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True  # and opening it tells what is wrong


def _why_off(inlet: InletSettings) -> str:
    if not inlet.enabled:
        return "inlet.enabled is off"
    return "neither inlet.secrets nor the store has a secret for it"
