"""Connect to RabbitMQ, open channels, and explain errors."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

import aiormq
from aiormq import spec
from aiormq.abc import AbstractChannel
from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    InvalidFrameError,
    ProbableAuthenticationError,
)
from yarl import URL

from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.queues.amqp.odd_properties import read_odd_properties
from magento_eventbridge.tls import TlsOptions, tls_context

# In seconds: a broker that is silent for longer counts as unavailable.
_CONNECT_SECONDS = 10
_HEARTBEAT_SECONDS = 20
_CLOSE_SECONDS = 5

# Errors reach us as exceptions, and are explained in our own messages.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)
read_odd_properties()


@dataclass(frozen=True)
class AmqpOptions:
    """How to reach Magento's broker, and how to consume from it.

    Attributes:
        queue: the queue that Magento publishes to.
        prefetch: how many messages a bridge may hold at once, claimed or not.
        sets_aside: whether messages of a store view whose destination takes no more are moved out
            of the way, for a minute at a time, when they fill all of `prefetch`.
    """

    host: str = "127.0.0.1"
    port: int = 5672
    user: str = "guest"
    password: str = field(default="guest", repr=False)
    virtual_host: str = "/"
    queue: str = "aws.eventbridge.events.send"
    prefetch: int = 1000
    sets_aside: bool = False
    tls: TlsOptions = field(default_factory=TlsOptions)

    @property
    def place(self) -> tuple[object, ...]:
        """Where the messages are; the rest is how to log in."""
        return (self.host, self.port, self.virtual_host, self.queue)

    def __str__(self) -> str:
        """Name the broker as logs do."""
        return f"{self.host}:{self.port}/{self.virtual_host.strip('/')}"


class AmqpConnection:
    """Opens channels on one connection, which is opened again whenever it is lost."""

    def __init__(self, options: AmqpOptions) -> None:
        self._options = options
        self._connection: aiormq.Connection | None = None
        self._connecting = asyncio.Lock()
        self._inspecting = asyncio.Lock()
        self._is_closed = False
        self.on_refused_login: Callable[[], None] = lambda: None

    def use(self, options: AmqpOptions) -> None:
        """Connect with other options from the next connection on, as after a new password."""
        self._options = options

    async def channel(self) -> AbstractChannel:
        """Open a channel that waits for the broker to confirm what is published.

        Raises:
            QueueError: the broker is unavailable, or refuses the login.
        """
        with self.explained():
            async with asyncio.timeout(_CONNECT_SECONDS):
                connection = await self._opened()
                return await connection.channel(publisher_confirms=True, on_return_raises=True)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[AbstractChannel]:
        """Yield a channel for a moment: unacknowledged messages go back when it closes.

        Raises:
            QueueError: the broker is unavailable, or becomes so.
        """
        channel = await self.channel()
        with self.explained():
            try:
                yield channel
            finally:
                if not channel.is_closed:
                    # A broker with an alarm no longer reads what a connection sends that publishes.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_CLOSE_SECONDS):
                            await channel.close()

    @asynccontextmanager
    async def inspecting(self) -> AsyncIterator[AbstractChannel]:
        """Yield a channel, as `asking` does, that the broker may close as its answer.

        One at a time: the client gives the number of a closed channel to the next one before it
        has confirmed the end to the broker, which then closes the connection.
        """
        async with self._inspecting, self.asking() as channel:
            yield channel

    async def count(self, queue: str) -> int | None:
        """Return how many messages of a queue are ready; None when there is no such queue."""
        declared = await self._inspect(queue)
        return None if declared is None else declared.message_count or 0

    async def consumers(self, queue: str) -> int:
        """Return how many consumers a queue has."""
        declared = await self._inspect(queue)
        return 0 if declared is None else declared.consumer_count or 0

    async def _inspect(self, queue: str) -> spec.Queue.DeclareOk | None:
        async with self.inspecting() as channel:
            try:
                return await channel.queue_declare(queue, passive=True)
            except ChannelNotFoundEntity:
                return None

    async def declare(self, queue: str, arguments: dict[str, str | int]) -> None:
        """Create a queue of our own, unless it exists: its arguments are then the operator's."""
        if await self.count(queue) is None:
            async with self.asking() as channel:
                await channel.queue_declare(queue, durable=True, arguments={**arguments})

    async def delete_empty(self, queue: str) -> None:
        """Delete a queue of our own, unless messages or consumers are left."""
        async with self.inspecting() as channel:
            with suppress(ChannelPreconditionFailed, ChannelNotFoundEntity):
                await channel.queue_delete(queue, if_empty=True, if_unused=True)

    async def close(self) -> None:
        """Disconnect for good: the broker takes back unacknowledged messages."""
        self._is_closed = True
        if self._connection is not None and not self._connection.is_closed:
            await self._connection.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise errors of the connection as a `QueueError` with an explanation."""
        try:
            yield
        except asyncio.CancelledError as error:
            # The client cancels calls of a connection that it gives up, as after a long pause.
            if (task := asyncio.current_task()) and not task.cancelling():
                raise QueueError(f"{self._options}: the connection was closed") from error
            raise
        except (AMQPError, ChannelInvalidStateError, OSError, TimeoutError) as error:
            if isinstance(error, (ProbableAuthenticationError, AuthenticationError)):
                self.on_refused_login()
            raise QueueError(self._explanation(error)) from error

    async def _opened(self) -> aiormq.Connection:
        async with self._connecting:
            if self._is_closed:
                raise QueueError(f"{self._options}: the connection was closed")
            if self._connection is None or not self._connection.is_opened:
                tls = tls_context(self._options.tls)
                scheme = "amqps" if tls else "amqp"
                connection = aiormq.Connection(self._url(scheme), context=tls)
                await connection.connect()
                self._connection = connection
            return self._connection

    def _url(self, scheme: str) -> URL:
        options = self._options
        return URL.build(
            scheme=scheme,
            host=options.host,
            port=options.port,
            user=options.user,
            password=options.password,
            path="/" if options.virtual_host == "/" else f"/{options.virtual_host}",
            query={"heartbeat": str(_HEARTBEAT_SECONDS), "name": "magento-eventbridge"},
        )

    def _is_blocked(self) -> bool:
        """Whether the broker has said that it no longer reads from this connection."""
        if self._connection is None or self._connection.is_closed:
            return False
        until_ready = self._connection.ready()
        try:
            until_ready.send(None)
        except StopIteration:
            return False
        finally:
            until_ready.close()
        return True

    def _explanation(self, error: Exception) -> str:
        match error:
            case TimeoutError() if self._is_blocked():
                reason = "it accepts no messages while its memory or disk is low"
            case TimeoutError():
                reason = "no answer in time"
            case ProbableAuthenticationError() | AuthenticationError():
                reason = "it refuses the login; check user and password in the settings"
            case InvalidFrameError():  # it disconnects instead of opening the virtual host
                reason = "it refuses this user the virtual host; check the settings"
            case OSError(strerror=str(text)):
                reason = text
            case _:
                reason = str(error) or type(error).__name__
        return f"{self._options}: {reason}"


async def while_open(channel: AbstractChannel, work: Awaitable[None]) -> None:
    """Do what sends on a channel, unless the channel closes meanwhile.

    The client sends through a short line of frames, which nobody empties once the connection has
    ended: who finds it full then would wait forever.
    """
    working = asyncio.ensure_future(work)
    closing = channel.closing
    try:
        await asyncio.wait((working, closing), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ChannelInvalidStateError("the channel was closed")
        await working
    finally:
        working.cancel()
        closing.cancel()
