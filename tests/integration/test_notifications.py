"""Notifications through real servers: SMTP, HTTP, SNS; and from a running bridge."""

import asyncio
import email
import email.policy
import json
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, CookieJar, web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.bridge.notifying import Notifier, channels_of, message_of_test
from magento_eventbridge.delivery.backoff import Backoff
from magento_eventbridge.notifications import channels
from magento_eventbridge.notifications.channels import Email, NotificationError, Slack, Webhook
from magento_eventbridge.notifications.message import Message, Problem
from magento_eventbridge.notifications.sending import ChannelSender
from magento_eventbridge.observability.metrics import AuditFigures
from magento_eventbridge.settings.layers import Layer, load
from magento_eventbridge.settings.model import Settings
from tests.integration.test_console import _bridge, _console, _csrf
from tests.support.aws import ACCOUNT, REGION, client, local_aws
from tests.support.aws import environment as aws_environment
from tests.support.process import COMMAND, environment, serving
from tests.support.put_events import Behaviour, Refuse, put_events
from tests.support.shoppers import an_order, give_captures
from tests.support.waiting import PATIENCE

SECRET = "hunter2-hunter2-hunter2"
MESSAGE = Message("shop on web-1", (Problem("parked", "k", "bus <x> & 'y' refuses"),))


class Mailbox:
    """What an SMTP server received; it refuses what it is asked to."""

    def __init__(self) -> None:
        self.received: list[email.message.EmailMessage] = []
        self.refuses_receiver = False
        self.refuses_message = ""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, to: str, _: Any) -> str:
        if self.refuses_receiver:
            return "550 no such person"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuses_message:
            return self.refuses_message
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(parsed, email.message.EmailMessage)
        self.received.append(parsed)
        return "250 OK"


@contextmanager
def smtp(**options: Any) -> Iterator[tuple[Mailbox, int]]:
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=0, **options)
    # The controller connects to its own port, which it does not know before.
    controller.port = _free_port()
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()


def _free_port() -> int:
    from tests.support.programs import free_ports

    (port,) = free_ports(1)
    return port


class Hook:
    """An HTTP server that notifications are posted to."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        self.delay = 0.0
        self.url = ""

    async def until(self, text: str, seconds: float = PATIENCE) -> dict[str, Any]:
        async with asyncio.timeout(seconds):
            while True:
                for body in self.received:
                    if text in json.dumps(body):
                        return body
                await asyncio.sleep(0.05)


@asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    found = Hook()

    async def take(request: web.Request) -> web.Response:
        await asyncio.sleep(found.delay)
        if found.status == 200:
            found.received.append(await request.json())
            found.headers.append(dict(request.headers))
        return web.Response(status=found.status, text=f"no: {request.path}")

    app = web.Application()
    app.router.add_post("/services/" + SECRET, take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/services/{SECRET}"
    try:
        yield found
    finally:
        await runner.cleanup()


def settings(**values: Any) -> Settings:
    return load([Layer("test", {"notifications": values})])[0]


# Each channel


async def test_an_e_mail_is_sent_with_login() -> None:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        is_right = (data.login, data.password) == (b"ops", SECRET.encode())
        return AuthResult(success=is_right, handled=False)

    with smtp(authenticator=check, auth_require_tls=False) as (mailbox, port):
        given = settings(
            email_to="a@example.com b@example.com",
            email_from="bridge@example.com",
            smtp_host="127.0.0.1",
            smtp_port=port,
            smtp_tls="none",
            smtp_user="ops",
            smtp_password=SECRET,
        )
        (channel,) = channels_of(given)
        await channel.send(MESSAGE)
        (mail,) = mailbox.received
        assert mail["Subject"] == MESSAGE.subject
        assert (mail["From"], mail["To"]) == ("bridge@example.com", "a@example.com, b@example.com")
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail.get_content().splitlines() == MESSAGE.text.splitlines()
        wrong = Email("127.0.0.1", port, "a@b.c", ["a@b.c"], "none", "ops", f"{SECRET}-wrong")
        with pytest.raises(NotificationError, match=f"127.0.0.1:{port}: 535") as caught:
            await wrong.send(MESSAGE)
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(channel)


async def test_a_mail_server_that_refuses_is_named_with_its_answer() -> None:
    with smtp() as (mailbox, port):
        channel = Email("127.0.0.1", port, "a@b.c", ["ops@b.c"], "none")
        mailbox.refuses_receiver = True
        with pytest.raises(NotificationError, match="refuses ops@b.c: 550 no such person"):
            await channel.send(MESSAGE)
        mailbox.refuses_receiver, mailbox.refuses_message = False, "554 not today"
        with pytest.raises(NotificationError, match="554 not today"):
            await channel.send(MESSAGE)
        # It offers no encryption: nothing is sent in the clear instead.
        with pytest.raises(NotificationError, match="STARTTLS"):
            await Email("127.0.0.1", port, "a@b.c", ["ops@b.c"]).send(MESSAGE)
        with pytest.raises(NotificationError, match=f"127.0.0.1:{port}"):
            await Email("127.0.0.1", port, "a@b.c", ["ops@b.c"], "tls").send(MESSAGE)
    with pytest.raises(NotificationError, match="Connection refused"):
        await channel.send(MESSAGE)


def _certified(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate of a server, and the server's side of TLS with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_file)
    return pem, context


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_an_e_mail_is_sent_encrypted_and_only_to_the_named_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == SECRET.encode(), handled=False)

    pem, context = _certified(tmp_path, "localhost")
    options: dict[str, Any] = (
        {"tls_context": context, "require_starttls": True, "auth_require_tls": True}
        if tls == "starttls"
        else {"ssl_context": context, "auth_require_tls": False}
    )
    with smtp(authenticator=check, **options) as (mailbox, port):
        channel = Email("localhost", port, "a@b.c", ["ops@b.c"], tls, "ops", SECRET)
        with pytest.raises(NotificationError, match="certificate verify failed: self-signed"):
            await channel.send(MESSAGE)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        await channel.send(MESSAGE)
        (mail,) = mailbox.received
        assert mail["Subject"] == MESSAGE.subject
        with pytest.raises(NotificationError, match="535") as caught:
            await replace(channel, password=f"{SECRET}-wrong").send(MESSAGE)
        assert SECRET not in str(caught.value)
        other, _ = _certified(tmp_path, "mail.example.com")
        monkeypatch.setenv("SSL_CERT_FILE", str(other))
        with pytest.raises(NotificationError, match="certificate verify failed"):
            await channel.send(MESSAGE)
    pem, context = _certified(tmp_path, "mail.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    name = "tls_context" if tls == "starttls" else "ssl_context"
    with smtp(**{name: context}) as (mailbox, port):
        with pytest.raises(NotificationError, match="not valid for 'localhost'"):
            await replace(channel, port=port, user=None).send(MESSAGE)
        assert not mailbox.received


@contextmanager
def hanging(sends: bytes = b"") -> Iterator[int]:
    """A server that accepts connections and answers nothing, or a byte every now and then."""
    stopping = threading.Event()

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while not stopping.wait(0.05):
                connection.send(sends)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        stopping.set()
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("sends", [b"", b"2"])
@pytest.mark.parametrize("tls", ["starttls", "tls", "none"])
async def test_a_mail_server_that_hangs_is_reported(
    monkeypatch: pytest.MonkeyPatch, tls: str, sends: bytes
) -> None:
    monkeypatch.setattr(channels, "_SECONDS", 0.3)
    monkeypatch.setattr(channels, "_SECONDS_IN_ALL", 1.0)
    with hanging(sends) as port:
        with pytest.raises(NotificationError, match=f"127.0.0.1:{port}: .*"):
            await Email("127.0.0.1", port, "a@b.c", ["ops@b.c"], tls).send(MESSAGE)


async def test_a_mail_server_that_hangs_delays_neither_delivery_nor_the_stop(
    tmp_path: Path,
) -> None:
    with hanging(b"2") as port:
        mail = {
            "NOTIFICATIONS__EMAIL_TO": "ops@b.c",
            "NOTIFICATIONS__SMTP_HOST": "127.0.0.1",
            "NOTIFICATIONS__SMTP_PORT": str(port),
        }
        async with put_events() as endpoint, serving(tmp_path, endpoint.url, **mail) as bridge:
            jar = CookieJar(unsafe=True)
            async with ClientSession(bridge.console, cookie_jar=jar) as http:
                page = await (await http.get("/doctor")).text()
                found = re.search(r'name="csrf" value="([^"]+)"', page)
                assert found
                test = asyncio.create_task(
                    http.post("/doctor/notifications", data={"csrf": found[1]}).__aenter__()
                )
                await give_captures(bridge, *(an_order(number) for number in range(30)))
                await endpoint.until_taken(30)
                assert not test.done()
                assert await bridge.stop() == 0  # it waits 30 s, the mail server hangs for 60 s
                with pytest.raises(ClientError):
                    await test


async def test_a_webhook_gets_json_and_slack_its_own_form() -> None:
    async with hook() as server:
        given = settings(webhook_url=server.url, webhook_token="a-token", slack_url=server.url)
        slack, webhook = channels_of(given)
        await webhook.send(MESSAGE)
        await slack.send(MESSAGE)
        assert server.received[0] == MESSAGE.as_json()
        assert server.headers[0]["Authorization"] == "Bearer a-token"
        assert list(server.received[1]) == ["text"]
        assert "bus &lt;x&gt; &amp; 'y' refuses" in server.received[1]["text"]
        assert (webhook.target, slack.target) == ("127.0.0.1", "127.0.0.1")
        assert SECRET not in f"{given!r} {webhook!r} {slack!r}"


@pytest.mark.parametrize("channel", [Slack, Webhook])
async def test_a_refusal_shows_the_answer_and_not_the_address(channel: type[Slack]) -> None:
    async with hook() as server:
        server.status = 404
        with pytest.raises(NotificationError) as caught:
            await channel(server.url).send(MESSAGE)
        assert str(caught.value).startswith("127.0.0.1: HTTP 404: no: /")
        assert SECRET not in str(caught.value)
        server.status = 302
        with pytest.raises(NotificationError, match="HTTP 302"):
            await channel(server.url).send(MESSAGE)
    with pytest.raises(NotificationError) as caught:
        await channel(server.url).send(MESSAGE)
    assert SECRET not in str(caught.value)


async def test_a_topic_gets_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    with local_aws() as url:
        for name, value in aws_environment(url).items():
            monkeypatch.setenv(name, value)
        topic = client("sns", url).create_topic(Name="on-call")["TopicArn"]
        queue = client("sqs", url).create_queue(QueueName="seen")["QueueUrl"]
        client("sns", url).subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:seen"
        )
        (channel,) = channels_of(settings(sns_topic=topic))
        await channel.send(MESSAGE)
        (seen,) = client("sqs", url).receive_message(QueueUrl=queue)["Messages"]
        body = json.loads(seen["Body"])
        assert (body["Subject"], body["Message"]) == (MESSAGE.subject, MESSAGE.text)
        (missing,) = channels_of(settings(sns_topic=f"{topic}-missing"))
        with pytest.raises(NotificationError, match="NotFound|not exist"):
            await missing.send(MESSAGE)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
async def test_apprise_sends_to_what_it_knows(caplog: pytest.LogCaptureFixture) -> None:
    async with hook() as server:
        address = server.url.replace("http://", "json://")
        (channel,) = channels_of(settings(apprise_urls=[address]))
        await channel.send(MESSAGE)
        assert server.received[0]["message"] == MESSAGE.text
        assert channel.target == "1 service"
        server.status = 500
        with pytest.raises(NotificationError, match="did not accept"):
            await channel.send(MESSAGE)
    assert SECRET not in caplog.text
    with pytest.raises(NotificationError, match="does not know address 1"):
        channels_of(settings(apprise_urls=["nonsense"]))


# Failures


async def test_a_notification_that_fails_is_reported_and_sent_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with hook() as server:
        server.status = 503
        sender = ChannelSender(Webhook(server.url), Backoff(first=0.05, longest=0.1))
        task = asyncio.create_task(sender.run())
        sender.add(MESSAGE)
        async with asyncio.timeout(PATIENCE):
            while sender.failures < 3:
                await asyncio.sleep(0.01)
        assert sender.problem is not None
        assert "HTTP 503" in sender.problem
        server.status = 200
        await server.until("refuses")
        async with asyncio.timeout(PATIENCE):
            while sender.sent != 1:
                await asyncio.sleep(0.01)
        task.cancel()
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1  # not one for each try
    assert "Cannot send notifications by webhook: 127.0.0.1: HTTP 503" in warnings[0].getMessage()
    assert SECRET not in caplog.text


async def test_only_so_many_notifications_wait(caplog: pytest.LogCaptureFixture) -> None:
    sender = ChannelSender(Webhook("http://127.0.0.1:9/x"))
    for _ in range(25):
        sender.add(MESSAGE)
    assert len(caplog.messages) == 5
    assert "one is given up" in caplog.text


async def test_a_bug_of_a_channel_does_not_end_the_sending() -> None:
    class Broken:
        name = target = "broken"
        calls = 0

        async def send(self, _: Message) -> None:
            self.calls += 1
            if self.calls == 1:
                raise RuntimeError(SECRET)

    sender = ChannelSender(Broken(), Backoff(first=0.01, longest=0.01))
    task = asyncio.create_task(sender.run())
    sender.add(MESSAGE)
    async with asyncio.timeout(PATIENCE):
        while sender.sent != 1:
            await asyncio.sleep(0.01)
    task.cancel()
    assert sender.failures == 1


# A running bridge

FAST = {"NOTIFICATIONS__GROUP_SECONDS": "0", "NOTIFICATIONS__PAUSE_MINUTES": "0"}


async def test_a_bridge_reports_a_refused_bus_and_its_recovery(tmp_path: Path) -> None:
    from magento_eventbridge.inlets.client import hand_over
    from tests.support import recorded
    from tests.support.process import SECRET as INLET_SECRET
    from tests.support.put_events import Take

    is_refused = True

    def answer(_: int, __: list[dict[str, Any]]) -> Behaviour:
        return Refuse("AccessDeniedException") if is_refused else Take()

    async with hook() as server, put_events(answer) as endpoint:
        # A channel that hangs must not delay delivery or the other channel.
        given = {"NOTIFICATIONS__SLACK_URL": server.url, **FAST}
        async with serving(tmp_path, endpoint.url, **given) as bridge:
            unknown = recorded.of("admin-login-fail", "backend_auth_user_login_failed")
            unknown = recorded.again(unknown | {"event": "new"})
            await hand_over(
                bridge.url,
                INLET_SECRET,
                [*(body for _, body in recorded.orders(3)), json.dumps(unknown).encode()],
            )
            await server.until("refuses all events: AccessDeniedException")
            await server.until("1 new dead letter in sqlite")
            is_refused = False
            recovery = await server.until("Recovered", seconds=120)
            assert "No problem is left" in recovery["text"]
            assert SECRET not in bridge.log


async def test_a_hanging_channel_delays_nothing(tmp_path: Path) -> None:
    from magento_eventbridge.inlets.client import hand_over
    from tests.support import recorded
    from tests.support.process import SECRET as INLET_SECRET

    async with hook() as server, put_events() as endpoint:
        server.delay = 12.0
        given = {"NOTIFICATIONS__WEBHOOK_URL": server.url, **FAST}
        async with serving(tmp_path, endpoint.url, **given) as bridge:
            unknown = recorded.of("admin-login-fail", "backend_auth_user_login_failed")
            unknown = recorded.again(unknown | {"event": "new"})
            await hand_over(bridge.url, INLET_SECRET, [json.dumps(unknown).encode()])
            await asyncio.sleep(6)  # the notification hangs now
            await hand_over(bridge.url, INLET_SECRET, [body for _, body in recorded.orders(50)])
            await endpoint.until_taken(50)
            began = time.monotonic()
            assert await bridge.stop() == 0
            assert time.monotonic() - began < 10


class _Stopped:
    """A queue with captures that nobody delivers."""

    name = "outbox"

    def __init__(self, oldest: float | None, captures: int = 5, error: str = "") -> None:
        self._oldest, self._captures, self._error = oldest, captures, error

    async def depth(self) -> Any:
        from magento_eventbridge.delivery.ports import Depth, QueueError

        if self._error:
            raise QueueError(self._error)
        return Depth(self._captures, self._oldest, 0)


class _Idle:
    """A dispatcher without problems that has delivered nothing."""

    destinations: tuple[Any, ...] = ()

    def __init__(self) -> None:
        from magento_eventbridge.delivery.status import Totals

        self.totals = Totals()


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        (_Stopped(0.0), "Nothing was delivered from outbox for 15 minutes, although 5 events wait"),
        (_Stopped(None, 0), None),
        (_Stopped(time.time() + 3600), None),  # younger than the limit
        (_Stopped(0.0, error="no answer"), "The queue outbox cannot be read"),
    ],
)
async def test_nothing_delivered_is_a_problem_while_something_waits(
    queue: Any, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(webhook_url="http://127.0.0.1:9/x", group_seconds=0, pause_minutes=0)
    notifier = Notifier(given, lambda: [(queue, _Idle())])  # type: ignore[list-item]
    added: list[Message] = []
    monkeypatch.setattr(notifier.senders[0], "add", added.append)
    await notifier.check(AuditFigures())
    assert added == []  # the bridge has just started
    notifier._started_at -= 1000
    await notifier.check(AuditFigures())
    texts = [problem.text for message in added for problem in message.new]
    assert [expected in text for text in texts if expected] == ([True] if expected else [])
    assert bool(texts) == bool(expected)


async def test_findings_of_the_audit_are_reported_and_end() -> None:
    given = settings(webhook_url="http://127.0.0.1:9/x", group_seconds=0, pause_minutes=0)
    notifier = Notifier(given, list)
    waiting = notifier.senders[0]._waiting
    audit = AuditFigures(missing=7, failures=1)
    await notifier.check(audit)
    await notifier.check(audit)
    audit.missing = 0
    await notifier.check(audit)
    texts = [message.text for message in waiting]
    assert "The audit found 7 events missing" in texts[0]
    assert "The audit could not be done" in texts[0]
    assert texts[1].startswith("Recovered:\n- The audit found 7 events missing")
    assert len(texts) == 2


# By people


async def test_the_console_tests_the_channels_by_a_button(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with hook() as server:
        bridge = _bridge(tmp_path, {}, notifications={"webhook_url": server.url})
        async with _console(tmp_path, bridge) as http:
            page = await (await http.get("/doctor")).text()
            assert "Nothing was sent since the start; goes to 127.0.0.1" in page
            token = {"csrf": await _csrf(http)}
            async with http.post("/doctor/notifications", data=token) as answer:
                assert answer.status == 200
                assert "The test was sent to 127.0.0.1" in await answer.text()
            assert server.received[0]["test"] is True
            server.status = 500
            async with http.post("/doctor/notifications", data=token) as answer:
                page = await answer.text()
            assert "HTTP 500" in page
            assert SECRET not in page
            async with http.get("/settings") as answer:
                assert SECRET not in await answer.text()
    assert "sent a test notification by webhook" in caplog.text


async def test_without_channels_the_console_says_what_to_set(tmp_path: Path) -> None:
    async with _console(tmp_path) as http:
        page = await (await http.get("/doctor")).text()
    assert "Nobody is notified of problems" in page
    assert "Send a test" not in page


async def _notify(folder: Path, *words: str, **settings: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *("notify", "test", *words),
        env=environment(folder, "http://127.0.0.1:9", **settings) | {"SUDO_USER": "ada"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    return process.returncode, out.decode(), err.decode()


async def test_the_command_tests_each_channel(tmp_path: Path) -> None:
    with smtp() as (mailbox, port):
        async with hook() as server:
            given = {
                "NOTIFICATIONS__WEBHOOK_URL": server.url,
                "NOTIFICATIONS__EMAIL_TO": "ops@example.com",
                "NOTIFICATIONS__SMTP_HOST": "127.0.0.1",
                "NOTIFICATIONS__SMTP_PORT": str(port),
                "NOTIFICATIONS__SMTP_TLS": "none",
            }
            status, out, err = await _notify(tmp_path, **given)
            assert (status, err) == (0, "")
            assert out == "ok    email: sent to ops@example.com\nok    webhook: sent to 127.0.0.1\n"
            assert "Test notification" in mailbox.received[0]["Subject"]
            log = (tmp_path / "bridge.log").read_text()
            assert re.search(r"Command: ada \(as \S+\) sent a test notification by email, web", log)
            server.status = 410
            status, out, _ = await _notify(tmp_path, "--json", "--channel", "webhook", **given)
            assert status == 1
            (result,) = json.loads(out)
            assert (result["channel"], result["sent"]) == ("webhook", False)
            assert "HTTP 410" in result["problem"]
            assert SECRET not in out + log
    status, _, err = await _notify(tmp_path)
    assert (status, "no notifications are set up" in err) == (2, True)
    status, _, err = await _notify(tmp_path, "--channel", "pigeon", **given)
    assert (status, "--channel pigeon: there is email, webhook" in err) == (2, True)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")
def test_a_channel_that_cannot_be_used_is_reported_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(NotificationError, match="does not know address 1"):
        Bridge(
            load(
                [
                    Layer(
                        "test",
                        {"inlet": {"enabled": False}, "notifications": {"apprise_urls": ["x"]}},
                    )
                ]
            )[0]
        )


def test_a_test_message_names_the_bridge() -> None:
    message = message_of_test(settings())
    assert message.subject.startswith("[magento-eventbridge] Test notification (magento on ")
    assert "All is well" in message.text
