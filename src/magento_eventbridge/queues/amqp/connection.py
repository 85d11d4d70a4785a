"""A connection to RabbitMQ, and what its faults mean in words."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiormq
from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    InvalidFrameError,
    ProbableAuthenticationError,
)
from yarl import URL

from magento_eventbridge.delivery.ports import QueueError

# Seconds. A broker that is silent for so long is taken for gone.
_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 30
_HEARTBEAT_SECONDS = 20
_PERSISTENT = 2

OURS = "eventbridge-"
"""How the headers begin that we give to a message."""
_COPY = f"{OURS}copy"
_HEADERS_NOT_COPIED = ("x-", OURS)

# What goes wrong reaches us as an exception, and is told of in our words.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class AmqpOptions:
    """Where Magento's broker is, who we are there, and what we want of it.

    Attributes:
        queue: the queue that Magento publishes to.
        prefetch: how many messages may be with us at once, claimed or not.
        sets_aside: messages of a store view that is passed over make room for those of others,
            for a minute at a time, when they fill all of `prefetch`.
    """

    host: str = "127.0.0.1"
    port: int = 5672
    user: str = "guest"
    password: str = field(default="guest", repr=False)
    virtual_host: str = "/"
    queue: str = "aws.eventbridge.events.send"
    prefetch: int = 1000
    sets_aside: bool = False
    tls: bool = False
    tls_ca: Path | None = None  # else the system's
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_verify: bool = True
    tls_verify_host: bool = True

    def __str__(self) -> str:
        """Name the broker as logs do."""
        return f"{self.host}:{self.port}/{self.virtual_host.strip('/')}"


class AmqpConnection:
    """Opens channels on one connection, which is made anew whenever it is lost."""

    def __init__(self, options: AmqpOptions) -> None:
        self._options = options
        self._connection: aiormq.Connection | None = None
        self._connecting = asyncio.Lock()

    async def channel(self) -> AbstractChannel:
        """Open a channel that waits for the broker to confirm what is published.

        Raises:
            QueueError: the broker is away, or does not let us in.
        """
        with self.explained():
            async with asyncio.timeout(_CONNECT_SECONDS):
                connection = await self._opened()
                return await connection.channel(publisher_confirms=True, on_return_raises=True)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[AbstractChannel]:
        """Give a channel for a moment: what was got on it and not acknowledged goes back.

        Raises:
            QueueError: the broker is away, or goes away.
        """
        channel = await self.channel()
        with self.explained():
            try:
                yield channel
            finally:
                if not channel.is_closed:
                    await channel.close()

    async def count(self, queue: str) -> int | None:
        """Count the messages of a queue that nobody has; None when there is no such queue."""
        async with self.asking() as channel:
            try:
                declared = await channel.queue_declare(queue, passive=True)
            except ChannelNotFoundEntity:
                return None
            return declared.message_count or 0

    async def declare(self, queue: str, arguments: dict[str, str | int]) -> None:
        """Make a queue of our own, unless it is there: its arguments are then the operator's."""
        if await self.count(queue) is None:
            async with self.asking() as channel:
                await channel.queue_declare(queue, durable=True, arguments={**arguments})

    async def close(self) -> None:
        """Hang up: the broker takes back what was not acknowledged."""
        if self._connection is not None and not self._connection.is_closed:
            await self._connection.close()

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Tell what goes wrong as a `QueueError`."""
        try:
            yield
        except (AMQPError, ChannelInvalidStateError, OSError, TimeoutError) as error:
            raise QueueError(self._explanation(error)) from error

    async def _opened(self) -> aiormq.Connection:
        async with self._connecting:
            if self._connection is None or not self._connection.is_opened:
                connection = aiormq.Connection(self._url(), context=self._tls())
                await connection.connect()
                self._connection = connection
            return self._connection

    def _url(self) -> URL:
        options = self._options
        return URL.build(
            scheme="amqps" if self._tls() else "amqp",
            host=options.host,
            port=options.port,
            user=options.user,
            password=options.password,
            path="/" if options.virtual_host == "/" else f"/{options.virtual_host}",
            query={"heartbeat": str(_HEARTBEAT_SECONDS), "name": "magento-eventbridge"},
        )

    def _tls(self) -> ssl.SSLContext | None:
        options = self._options
        if not (options.tls or options.tls_ca or options.tls_certificate):
            return None
        context = ssl.create_default_context(cafile=options.tls_ca)
        context.check_hostname = options.tls_verify and options.tls_verify_host
        if not options.tls_verify:
            context.verify_mode = ssl.CERT_NONE
        if options.tls_certificate:
            context.load_cert_chain(options.tls_certificate, options.tls_key)
        return context

    def _explanation(self, error: Exception) -> str:
        match error:
            case TimeoutError():
                told = "no answer in time"
            case ProbableAuthenticationError() | AuthenticationError():
                told = "it does not let us in; look at user and password in the settings"
            case InvalidFrameError():  # a refusal where a welcome is expected
                told = "it does not let this user into the virtual host; look at the settings"
            case OSError(strerror=str(reason)):
                told = reason
            case _:
                told = str(error) or type(error).__name__
        return f"{self._options}: {told}"


async def publish(
    channel: AbstractChannel,
    exchange: str,
    routing_key: str,
    delivered: DeliveredMessage,
    added: Mapping[str, str | int] | None = None,
) -> None:
    """Publish a copy of a message, with its headers but for the broker's and with those added.

    It is in a queue, on the disk, once this returns.
    """
    properties = delivered.header.properties
    headers = {
        name: value
        for name, value in (properties.headers or {}).items()
        if not name.startswith(_HEADERS_NOT_COPIED)
    }
    await channel.basic_publish(
        delivered.body,
        exchange=exchange,
        routing_key=routing_key,
        properties=spec.Basic.Properties(
            headers={**headers, _COPY: 1, **(added or {})},
            message_id=properties.message_id,
            content_type=properties.content_type,
            delivery_mode=_PERSISTENT,
        ),
        mandatory=True,
        timeout=_ANSWER_SECONDS,
    )


def is_copy(delivered: DeliveredMessage) -> bool:
    """Tell whether we published a message: it may be a dead letter that is sent again."""
    return _COPY in (delivered.header.properties.headers or {})
