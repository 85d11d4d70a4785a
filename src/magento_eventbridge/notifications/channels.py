"""The ways to send a notification: e-mail, Slack, webhook, SNS, Apprise."""

import html
import logging
import re
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp

from magento_eventbridge.errors import BridgeError
from magento_eventbridge.install_hints import add_extra
from magento_eventbridge.notifications.detached import run_detached
from magento_eventbridge.notifications.message import Message
from magento_eventbridge.unreachable import why_unreachable

_SECONDS = 15.0
# A mail server that sends a byte now and then would keep a connection for ever.
_SECONDS_IN_ALL = 60.0
_MOST_READ = 10_000
_LONGEST_ANSWER = 200
_SHORTEST_SECRET = 6
# SNS API reference, Publish: a subject has up to 100 ASCII characters.
_LONGEST_SNS_SUBJECT = 100


class NotificationError(BridgeError):
    """A notification could not be sent; the message contains no secret."""


class Channel(Protocol):
    """One way to send notifications."""

    @property
    def name(self) -> str:
        """Its name, such as `email`."""
        ...

    @property
    def target(self) -> str:
        """Where it sends to, without secrets."""
        ...

    async def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            NotificationError: it was not accepted.
        """
        ...


@dataclass(frozen=True)
class Email:
    """Sends e-mail by SMTP."""

    host: str
    port: int
    sender: str
    receivers: Sequence[str]
    tls: str = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    name: str = "email"

    @property
    def target(self) -> str:
        """The receivers."""
        return ", ".join(self.receivers)

    async def send(self, message: Message) -> None:
        """Send a message."""
        try:
            await run_detached(lambda: self._send(message), _SECONDS_IN_ALL)
        except TimeoutError:
            raise NotificationError(
                f"{self.host}:{self.port}: the mail server does not answer in time"
            ) from None
        except smtplib.SMTPRecipientsRefused as error:
            refused = "; ".join(f"{who}: {_answer(*why)}" for who, why in error.recipients.items())
            raise NotificationError(f"{self.host}:{self.port} refuses {refused}") from None
        except smtplib.SMTPResponseException as error:
            answer = _answer(error.smtp_code, error.smtp_error)
            raise NotificationError(
                f"{self.host}:{self.port}: {_without(answer, self.password)}"
            ) from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise NotificationError(
                f"{self.host}:{self.port}: {_without(str(error), self.password)}"
            ) from None

    def _send(self, message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.receivers)
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain="magento-eventbridge.invalid")
        # RFC 3834: no out-of-office replies.
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        context = ssl.create_default_context()
        connect: Callable[..., smtplib.SMTP] = smtplib.SMTP
        options: dict[str, Any] = {"timeout": _SECONDS}
        if self.tls == "tls":
            connect = smtplib.SMTP_SSL
            options["context"] = context
        with connect(self.host, self.port, **options) as server:
            if self.tls == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password or "")
            server.send_message(mail)


class _HttpChannel:
    """Posts JSON to an address that is itself a secret."""

    name = "webhook"

    def __init__(self, url: str, headers: dict[str, str] | None = None) -> None:
        self._url = url
        self._headers = headers or {}
        # An answer may repeat the address, or a part of it.
        parts = re.split(r"[/?&=:@\s]", url.partition("://")[2])
        values = (value.removeprefix("Bearer ") for value in self._headers.values())
        host = urlsplit(url).hostname
        self._secrets = sorted(
            {url, *values, *(part for part in parts if len(part) >= _SHORTEST_SECRET)} - {host},
            key=len,
            reverse=True,
        )

    @property
    def target(self) -> str:
        """The host: the rest of the address is a secret."""
        return urlsplit(self._url).hostname or "?"

    async def send(self, message: Message) -> None:
        """Send a message."""
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                session.post(
                    self._url,
                    json=self._body(message),
                    headers=self._headers,
                    allow_redirects=False,
                ) as answer,
            ):
                if answer.status // 100 == 2:
                    return
                said = (await answer.content.read(_MOST_READ)).decode(errors="replace")
        except TimeoutError:
            raise NotificationError(f"{self.target}: no answer within {_SECONDS:.0f} s") from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            why = _without(why_unreachable(error), *self._secrets)
            raise NotificationError(f"{self.target}: {why}") from None
        said = _without(said, *self._secrets)[:_LONGEST_ANSWER]
        raise NotificationError(f"{self.target}: HTTP {answer.status}: {said}")

    def _body(self, message: Message) -> dict[str, Any]:
        return message.as_json()


class Webhook(_HttpChannel):
    """Posts the message as JSON to any address."""


class Slack(_HttpChannel):
    """Posts the message to an incoming webhook of Slack, or of what is compatible."""

    name = "slack"

    def _body(self, message: Message) -> dict[str, Any]:
        # Slack reads `<`, `>` and `&` as its own marks.
        subject, text = (html.escape(one, quote=False) for one in (message.subject, message.text))
        return {"text": f"*{subject}*\n{text}"}


class Sns:
    """Publishes to an SNS topic."""

    name = "sns"

    def __init__(self, topic: str, publish: Callable[..., Any]) -> None:
        """Publish to a topic; `publish` is botocore's operation, and blocks."""
        self._topic = topic
        self._publish = publish

    @property
    def target(self) -> str:
        """The topic's ARN."""
        return self._topic

    async def send(self, message: Message) -> None:
        """Send a message."""
        subject = message.subject.encode("ascii", "replace").decode()[:_LONGEST_SNS_SUBJECT]
        try:
            await run_detached(
                lambda: self._publish(TopicArn=self._topic, Subject=subject, Message=message.text),
                _SECONDS_IN_ALL,
            )
        except TimeoutError:
            raise NotificationError(f"{self._topic}: SNS does not answer in time") from None
        except BridgeError as error:
            raise NotificationError(str(error)) from None


class Apprise:
    """Sends through the library Apprise, which knows many services by their addresses."""

    name = "apprise"

    def __init__(self, urls: Sequence[str]) -> None:
        """Prepare the services.

        Raises:
            NotificationError: the extra `apprise` is not installed, or an address is not valid.
        """
        try:
            from apprise import Apprise as Library  # noqa: PLC0415
        except ImportError:
            raise NotificationError(
                f"notifications.apprise_urls needs the extra 'apprise': {add_extra('apprise')}"
            ) from None
        # Its log contains addresses, which are secrets.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        self._library = Library()
        for number, url in enumerate(urls, start=1):
            if not self._library.add(url):
                raise NotificationError(
                    f"notifications.apprise_urls: Apprise does not know address {number}"
                )
        self._count = len(urls)

    @property
    def target(self) -> str:
        """How many services there are: their addresses are secrets."""
        return f"{self._count} service{'s' if self._count > 1 else ''}"

    async def send(self, message: Message) -> None:
        """Send a message."""
        notify: Callable[..., object] = self._library.notify
        try:
            is_sent = await run_detached(
                lambda: notify(title=message.subject, body=message.text), _SECONDS_IN_ALL
            )
        except TimeoutError:
            raise NotificationError("Apprise: a service does not answer in time") from None
        if not is_sent:
            raise NotificationError(f"Apprise: one of {self.target} did not accept the message")


def _answer(code: int, text: bytes | str) -> str:
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {said}"


def _without(text: str, *secrets: str | None) -> str:
    """Remove secrets from a text that a server or a library wrote."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "********")
    return text
