"""`demo`: a recorded store day through a real bridge to a stand-in for AWS on this machine."""

import asyncio
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from magento_eventbridge.catalog.event import DetailLevel
from magento_eventbridge.cli.output import out
from magento_eventbridge.demo import attached_bridge, store_day
from magento_eventbridge.demo.custom_bus import CustomBus, ScriptedReply, custom_bus_in_thread
from magento_eventbridge.inlets.client import HandOverError, hand_over
from magento_eventbridge.install_hints import add_extra

NAME = "demo"
EXAMPLE = "magento-eventbridge demo"

Keep = Annotated[
    bool, typer.Option("--keep", help="Keep everything running to try it out, until Ctrl-C.")
]
Detail = Annotated[DetailLevel, typer.Option("--detail", help="How much a detail says.")]
Bus = Annotated[
    Literal["classic", "custom"],
    typer.Option(
        "--bus", help="The kind of event bus; of the custom one, one call in ten is answered late."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Do not show each event.")]

_REGION = "eu-west-1"
_SOURCE = "shop.example.com"
_START_SECONDS = 20.0
# With nothing new for this many seconds, what has not arrived is lost.
_QUIET_SECONDS = 10.0
# With --keep: how long the day takes, and how many captures are handed over at a time.
_DAY_SECONDS = 60.0
_AT_A_TIME = 4
# How long the bridge may take to stop.
_STOP_SECONDS = 30.0
_INTERRUPTED = 130
_LOG_GROUP = "demo"
_CUSTOM_BUS = f"arn:aws:events:{_REGION}:123456789012:event-busv2/demo/{'a1' * 12}b"
# The bridge waits for half of that for an answer, and then repeats the call.
_LATE_SECONDS = 2.0
# The event as it is. Without this, moto compiles the paths of eight fields again for each event.
_WHOLE_EVENT = {
    "InputPathsMap": {"source": "$.source"},
    "InputTemplate": "<aws.events.event.json>",
}


def run(
    keep: Keep = False,
    quiet: Quiet = False,
    detail: Detail = "documented",
    bus: Bus = "classic",
) -> None:
    """Deliver a recorded store day to a local EventBridge; needs no AWS account and no Magento.

    The last line says what arrived; the exit status is 1 if it is not everything.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A terminal that is closed; `nohup` ignores it.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        _run(keep=keep, quiet=quiet, detail=detail, kind=bus)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def _run(
    *, keep: bool, quiet: bool, detail: DetailLevel, kind: Literal["classic", "custom"]
) -> None:
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="magento-eventbridge-"))
        )
        bus: _ClassicBus | _DemoCustomBus
        if kind == "custom":
            bus = _DemoCustomBus(stack.enter_context(custom_bus_in_thread(_late)))
        else:
            bus = _ClassicBus(stack.enter_context(_local_aws()))
        endpoint = bus.endpoint
        secret = secrets.token_hex(32)
        url, console = stack.enter_context(_bridge(folder, bus, secret, detail))
        _say(bus.introduction)
        _say(f"The bridge takes captures at {url}.")
        _say(f"Its console is at {console}" + (": watch the day there." if keep else "."))
        lines = [capture.line for capture in store_day.captures(detail)]
        _say(f"Replaying {len(lines)} captures of a recorded store day, signed, over HTTP.\n")
        if keep:
            stopping = threading.Event()
            stack.callback(stopping.set)
            replaying = (url, secret, lines, stopping)
            threading.Thread(target=_replay_slowly, args=replaying, daemon=True).start()
        else:
            _replay(url, secret, lines)
        arrived = []
        for event in bus.events(store_day.expected(detail)):
            arrived.append((event["detail-type"], event["detail"]))
            if not quiet:
                _show(event)
        outcome = store_day.compare(arrived, detail)
        out.print(f"\n{outcome}" if not quiet else str(outcome))
        if bus.summary:
            out.print(bus.summary)
        if keep:
            _wait_for_interrupt(url, console, endpoint, secret, folder)
        if not (outcome.is_right and bus.is_right):
            raise typer.Exit(1)


def _say(text: str) -> None:
    out.print(text)


def _replay(url: str, secret: str, lines: list[bytes]) -> None:
    try:
        asyncio.run(hand_over(url, secret, lines))
    except HandOverError as error:
        _say(f"The bridge did not take the captures: {error}")
        raise typer.Exit(1) from None


def _replay_slowly(url: str, secret: str, lines: list[bytes], stopping: threading.Event) -> None:
    """Replay the day within a minute, with the present time, until `stopping` is set."""
    for start in range(0, len(lines), _AT_A_TIME):
        some = [json.loads(line) | {"time": time.time()} for line in lines[start:][:_AT_A_TIME]]
        try:
            asyncio.run(hand_over(url, secret, [json.dumps(line).encode() for line in some]))
        except HandOverError as error:
            if not stopping.is_set():
                _say(f"The bridge did not take the captures: {error}")
            return
        if stopping.wait(_DAY_SECONDS / len(lines) * _AT_A_TIME):
            return


def _show(event: dict[str, Any]) -> None:
    detail = {key: value for key, value in event["detail"].items() if key != "tracking"}
    metadata = detail.pop("metadata")
    text = json.dumps(detail, ensure_ascii=False, separators=(", ", ": "))
    shown = text if len(text) <= 110 else f"{text[:109]}…"
    out.print(f"{metadata['date'][11:]}  {event['detail-type']:<30}{shown}")


class _ClassicBus:
    """The local EventBridge, with a rule that writes every event to a log group."""

    settings: Mapping[str, str] = {}
    summary = ""
    is_right = True

    def __init__(self, endpoint: str) -> None:
        import boto3

        self.endpoint = endpoint
        self.introduction = (
            f"A local EventBridge (moto) is at {endpoint}; a rule sends all events to a log group."
        )
        client: dict[str, Any] = {
            "endpoint_url": endpoint,
            "region_name": _REGION,
            "aws_access_key_id": "demo",
            "aws_secret_access_key": "demo",
        }
        self._logs: Any = boto3.client("logs", **client)
        events: Any = boto3.client("events", **client)
        self._logs.create_log_group(logGroupName=_LOG_GROUP)
        (group,) = self._logs.describe_log_groups(logGroupNamePrefix=_LOG_GROUP)["logGroups"]
        target = {
            "Id": "log",
            "Arn": group["arn"].removesuffix(":*"),
            "InputTransformer": _WHOLE_EVENT,
        }
        events.put_rule(Name="everything", EventPattern=json.dumps({"source": [_SOURCE]}))
        events.put_targets(Rule="everything", Targets=[target])

    def events(self, expected: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield events as they arrive, until all have arrived or none has for long."""
        missing = sum(counter.total() for counter in expected.values())
        seen: set[str] = set()
        last = time.monotonic()
        # When all have arrived, check once more: surplus events must be seen too.
        while missing > 0 or time.monotonic() - last < 1.0:
            logged = self._logs.filter_log_events(logGroupName=_LOG_GROUP)["events"]
            for record in logged:
                if record["eventId"] in seen:
                    continue
                seen.add(record["eventId"])
                yield json.loads(record["message"])
                missing -= 1
                last = time.monotonic()
            if time.monotonic() - last > _QUIET_SECONDS:
                return
            time.sleep(0.2)


class _DemoCustomBus:
    """A local Custom Event Bus, which drops duplicates and keeps the order of groups."""

    settings: Mapping[str, str] = {
        "MAGENTO_EVENTBRIDGE_OPTIONS__EVENT_BUS": _CUSTOM_BUS,
        "MAGENTO_EVENTBRIDGE_DELIVERY__ANSWER_SECONDS": str(_LATE_SECONDS / 2),
    }

    def __init__(self, bus: CustomBus) -> None:
        self._bus = bus
        self.endpoint = bus.url
        self.introduction = (
            f"A local Custom Event Bus is at {bus.url}; it answers one call in ten too late."
        )

    @property
    def summary(self) -> str:
        """What the bus saw, in one line."""
        order = "in order" if self._bus.is_in_order else "NOT in order"
        return (
            f"0 duplicates: the bus dropped {self._bus.duplicates} of calls whose answers came too "
            f"late; every order's, cart's and customer's events {order}"
        )

    @property
    def is_right(self) -> bool:
        """Whether the events came in order, and late answers made the bridge repeat some."""
        return self._bus.is_in_order and self._bus.duplicates > 0

    def events(self, expected: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield events as they arrive, until all have arrived or none has for long."""
        missing = sum(counter.total() for counter in expected.values())
        seen = 0
        last = time.monotonic()
        while seen < missing or time.monotonic() - last < 2 * _LATE_SECONDS:
            for event in self._bus.events[seen:]:
                yield event
                seen += 1
                last = time.monotonic()
            if time.monotonic() - last > _QUIET_SECONDS:
                return
            time.sleep(0.1)


def _late(number: int, _: list[dict[str, Any]]) -> ScriptedReply:
    return ScriptedReply(seconds=_LATE_SECONDS if number % 10 == 0 else 0.0)


@contextmanager
def _local_aws() -> Iterator[str]:
    try:
        from moto.server import ThreadedMotoServer
    except ImportError:
        raise typer.BadParameter(f"the demo needs moto: {add_extra('demo')}") from None
    # The stand-in logs each request, between the lines of the demo.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def _bridge(
    folder: Path, bus: "_ClassicBus | _DemoCustomBus", secret: str, detail: DetailLevel
) -> Iterator[tuple[str, str]]:
    """Run `serve`, as an operator would; yield the URLs of inlet and console."""
    log = folder / "bridge.log"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAGENTO_EVENTBRIDGE_", "AWS_"))
    }
    environment |= {
        "MAGENTO_EVENTBRIDGE_CREDENTIALS__TYPE": "keys",
        "MAGENTO_EVENTBRIDGE_CREDENTIALS__ACCESS_KEY": "demo",
        "MAGENTO_EVENTBRIDGE_CREDENTIALS__SECRET_ACCESS_KEY": "demo",
        "MAGENTO_EVENTBRIDGE_OPTIONS__REGION": _REGION,
        "MAGENTO_EVENTBRIDGE_OPTIONS__SOURCE": _SOURCE,
        "MAGENTO_EVENTBRIDGE_OPTIONS__ENDPOINT_URL": bus.endpoint,
        "MAGENTO_EVENTBRIDGE_OPTIONS__DETAIL": detail,
        "MAGENTO_EVENTBRIDGE_INLET__SECRETS": secret,
        "MAGENTO_EVENTBRIDGE_INLET__PORT": "0",
        "MAGENTO_EVENTBRIDGE_CONSOLE__PORT": "0",
        "MAGENTO_EVENTBRIDGE_CONSOLE__LOGIN": "false",  # a recorded day, on this machine only
        "MAGENTO_EVENTBRIDGE_SPOOL__PATH": str(folder / "spool.sqlite"),
        "MAGENTO_EVENTBRIDGE_LOG__FILE": str(log),
        **bus.settings,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", attached_bridge.__name__],
        env=environment,
        stdin=subprocess.PIPE,  # closed when the demo ends, however it ends
        # Ctrl-C in a terminal reaches the demo only, which then ends the bridge.
        start_new_session=True,
    )
    try:
        inlet = _address(process, log, "Listening for captures at ")
        yield inlet, _address(process, log, "The console is at ")
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the bridge; a second Ctrl-C must not leave it behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    process.terminate()
    try:
        process.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _address(process: "subprocess.Popen[bytes]", log: Path, words: str) -> str:
    """Read the address at which the bridge listens from its log."""
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        text = log.read_text() if log.exists() else ""
        if words in text:
            return text.partition(words)[2].split()[0]
        time.sleep(0.05)
    _say("The bridge did not start." + (f" Its log: {log.read_text()}" if log.exists() else ""))
    raise typer.Exit(1)


def _wait_for_interrupt(url: str, console: str, endpoint: str, secret: str, folder: Path) -> None:
    out.print(
        f"\nStill running. The console: {console}\n"
        f"Captures: POST {url}/v1/captures, for example\n"
        f"  MAGENTO_EVENTBRIDGE_INLET__SECRETS={secret} \\\n"
        f"    magento-eventbridge replay captures.ndjson --url {url}\n"
        f"AWS: --endpoint-url {endpoint} (log group 'demo'). The bridge's log and spool: {folder}\n"
        "Ctrl-C ends it."
    )
    with suppress(KeyboardInterrupt):
        signal.pause()
