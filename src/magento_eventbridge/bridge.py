"""The composition root: makes a running bridge of settings; alone knows every queue and sink."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import uvloop

from magento_eventbridge.aws.credentials import CredentialsError, CredentialsFinder
from magento_eventbridge.delivery.dispatcher import Dispatcher
from magento_eventbridge.delivery.ports import Queue, QueueError, Sink
from magento_eventbridge.delivery.routing import Destination, Route
from magento_eventbridge.inlets.http import Inlet, InletOptions
from magento_eventbridge.observability import log as logs
from magento_eventbridge.queues.mysql_connection import MysqlOptions
from magento_eventbridge.queues.outbox import OutboxQueue
from magento_eventbridge.queues.outbox_heart import Heart
from magento_eventbridge.queues.sqlite import SqliteQueue
from magento_eventbridge.settings import OutboxSettings, Settings, SettingsError
from magento_eventbridge.sinks.dry_run import DryRunSink
from magento_eventbridge.sinks.eventbridge import EventBridgeSink

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


def start_log(settings: Settings) -> None:
    """Begin to write the log as the settings say.

    Raises:
        LogFileError: its file cannot be opened.
    """
    level = (
        logging.DEBUG if settings.is_verbose else logging.getLevelName(settings.log.level.upper())
    )
    logs.set_up(level=level, style=settings.log.format, file=settings.log_file)


def open_queue(settings: Settings, name: str = "sqlite", *, must_exist: bool = False) -> Queue:
    """Open a queue by its name.

    Raises:
        SettingsError: there is no queue of that name.
        QueueError: it cannot be opened, or is not there though it must be.
    """
    match name:
        case SqliteQueue.name:
            if must_exist and not settings.spool.path.exists():
                raise QueueError(f"there is no spool at {settings.spool.path}; 'serve' makes one")
            return SqliteQueue(settings.spool.path)
        case OutboxQueue.name:
            return OutboxQueue(_mysql_options(settings.outbox))
    known = f"{SqliteQueue.name}, {OutboxQueue.name}"
    raise SettingsError(f"there is no queue '{name}'; there are: {known}")


def _mysql_options(outbox: OutboxSettings) -> MysqlOptions:
    return MysqlOptions(
        host=outbox.host,
        port=outbox.port,
        unix_socket=outbox.unix_socket,
        database=outbox.database,
        user=outbox.user,
        password=outbox.password.get_secret_value() if outbox.password else "",
        table_prefix=outbox.table_prefix,
        tls=outbox.tls,
        tls_ca=outbox.tls_ca,
        tls_certificate=outbox.tls_certificate,
        tls_key=outbox.tls_key,
        tls_verify_host=outbox.tls_verify_host,
    )


def run_loop(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine as a long-lived process should: on uvloop, with a patient collector."""
    # What was imported stays: the collector need not look at it again and again. What delivery
    # makes is gone when its call is over, nearly always without the collector's help.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    return uvloop.run(main)


@asynccontextmanager
async def dispatching(settings: Settings, queue: Queue) -> AsyncIterator[Dispatcher]:
    """Give a dispatcher over a queue; what it opened is closed at the end."""
    sinks = Sinks(settings)
    try:
        yield Dispatcher(queue, Routes(settings), sinks.of, settings.delivery.policy())
    finally:
        await sinks.close()


@asynccontextmanager
async def beating(
    settings: Settings, queue: OutboxQueue, dispatcher: Dispatcher
) -> AsyncIterator[None]:
    """Let the store know how its bridge fares while the context lasts."""
    finder = CredentialsFinder()
    destinations = {view.route().destination for view in (settings, *settings.stores.values())}

    async def look() -> str:
        told = set()
        for destination in destinations:
            if destination.dry_run:
                told.add("none needed for a dry run")
                continue
            try:
                told.add(str(await finder.look(destination.credentials, destination.region)))
            except CredentialsError as error:
                told.add(str(error))
        return "; ".join(sorted(told))

    heart = asyncio.create_task(Heart(queue, dispatcher, look).beat(), name="heartbeat")
    try:
        yield
    finally:
        heart.cancel()
        await asyncio.gather(heart, return_exceptions=True)


class Bridge:
    """Everything that is configured, in one process."""

    def __init__(self, settings: Settings) -> None:
        """Check what can be checked before anything is opened.

        Raises:
            SettingsError: the inlet would stand open to everybody.
        """
        if settings.inlet.enabled and not settings.inlet.secrets:
            raise SettingsError(
                "inlet.secrets: the HTTP inlet needs a secret that it shares with the shop: set "
                "MAGENTO_EVENTBRIDGE_INLET__SECRETS to at least 16 random characters (`openssl "
                "rand -hex 32` makes some), or set inlet.enabled = false"
            )
        self._settings = settings
        self._dispatchers: list[Dispatcher] = []

    def stop(self) -> None:
        """Ask `serve` to end."""
        for dispatcher in self._dispatchers:
            dispatcher.stop()

    async def serve(self) -> None:
        """Take captures and deliver them until asked to stop.

        Raises:
            QueueError, InletError: it cannot begin.
        """
        async with AsyncExitStack() as stack:
            spool = SqliteQueue(self._settings.spool.path)
            stack.push_async_callback(spool.close)
            deliveries = [await self._deliver(stack, spool)]
            if self._settings.outbox.enabled:
                options = _mysql_options(self._settings.outbox)
                outbox = OutboxQueue(options)
                stack.push_async_callback(outbox.close)
                deliveries.append(await self._deliver(stack, outbox))
                await stack.enter_async_context(
                    beating(self._settings, outbox, self._dispatchers[-1])
                )
                log.info("Delivering what is in the outbox of %s", options)
            try:
                if self._settings.inlet.enabled:
                    inlet = Inlet(self._inlet_options(), spool)
                    await inlet.open()
                    stack.push_async_callback(inlet.close)
                    log.info("Listening for captures at %s", inlet.url)
                log.info("Delivering what is in %s", self._settings.spool.path)
                await asyncio.wait(deliveries, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self.stop()
                await asyncio.gather(*deliveries)
                tallies = [dispatcher.tally for dispatcher in self._dispatchers]
                log.info(
                    "Stopped: %d delivered, %d buried",
                    sum(tally.delivered for tally in tallies),
                    sum(tally.buried for tally in tallies),
                )

    async def _deliver(self, stack: AsyncExitStack, queue: Queue) -> asyncio.Task[None]:
        dispatcher = await stack.enter_async_context(dispatching(self._settings, queue))
        self._dispatchers.append(dispatcher)
        return asyncio.create_task(dispatcher.run(), name=f"delivery from {queue.name}")

    def _inlet_options(self) -> InletOptions:
        inlet = self._settings.inlet
        return InletOptions(
            host=inlet.host,
            port=inlet.port,
            secrets=tuple(secret.get_secret_value() for secret in inlet.secrets),
            max_body_bytes=inlet.max_body_bytes,
            max_waiting_bytes=inlet.max_waiting_bytes,
            replay_window=inlet.replay_window,
            tls_certificate=inlet.tls_certificate,
            tls_key=inlet.tls_key,
        )
