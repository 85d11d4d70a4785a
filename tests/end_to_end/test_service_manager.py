"""`serve` under systemd: it reports that it is ready, alive and stopping."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from magento_eventbridge.bridge.service_manager import ServiceManager
from magento_eventbridge.inlets.client import hand_over
from tests.end_to_end.test_serve_store import serving as serving_store
from tests.support import recorded
from tests.support.process import SECRET, serving
from tests.support.programs import free_ports
from tests.support.put_events import Behaviour, Refuse, put_events
from tests.support.shop import Shop
from tests.support.waiting import PATIENCE


class Systemd(asyncio.DatagramProtocol):
    """What systemd receives, datagram by datagram."""

    def __init__(self) -> None:
        self.received: list[str] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.received.append(data.decode())

    async def until(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not any(text in one for one in self.received):
                await asyncio.sleep(0.02)


@asynccontextmanager
async def systemd(address: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Systemd]:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.setblocking(False)
        receiver.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        transport, protocol = await loop.create_datagram_endpoint(Systemd, sock=receiver)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        yield protocol
        transport.close()


@pytest.mark.parametrize("is_abstract", [False, True])
async def test_a_service_reports_each_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_abstract: bool
) -> None:
    address = f"@magento-eventbridge-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    async with systemd(address, monkeypatch) as manager, put_events() as endpoint:
        async with serving(tmp_path, endpoint.url):
            await manager.until("READY=1")
            await manager.until("WATCHDOG=1\nSTATUS=Delivering: 0 events delivered")
        assert "READY=1" in manager.received[0]
        assert any("STOPPING=1" in one for one in manager.received)
        assert sum("READY=1" in one for one in manager.received) == 1


async def test_a_paused_service_sends_no_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        systemd(str(tmp_path / "notify"), monkeypatch) as manager,
        put_events() as endpoint,
        serving(tmp_path, endpoint.url) as bridge,
    ):
        await manager.until("WATCHDOG=1")
        bridge.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.3)
        before = len(manager.received)
        await asyncio.sleep(0.5)
        assert len(manager.received) == before
        bridge.process.send_signal(signal.SIGCONT)


async def test_the_status_names_what_is_not_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int, __: list[dict[str, object]]) -> Behaviour:
        return Refuse("AccessDeniedException")

    async with (
        systemd(str(tmp_path / "notify"), monkeypatch) as manager,
        put_events(refuse) as endpoint,
        serving(tmp_path, endpoint.url) as bridge,
    ):
        await hand_over(bridge.url, SECRET, [body for _, body in recorded.orders(1)])
        await manager.until("STATUS=No delivery to bus 'default' in eu-west-1")


async def test_a_service_that_waits_for_the_stores_database_has_started(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    shop.write_env_php(host=f"'127.0.0.1:{port}'")
    async with systemd(str(tmp_path / "notify"), monkeypatch) as manager:
        async with serving_store(shop, until="Cannot read the store's configuration"):
            await manager.until("READY=1\nSTATUS=Waiting for the store's database")


def test_a_service_manager_that_does_not_answer_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    manager.ready("Delivering")
    manager.stopping()
    (line,) = caplog.messages
    assert line.startswith(f"Cannot notify systemd at {tmp_path / 'nobody'}: ")


async def test_nothing_is_sent_without_a_service_manager(caplog: pytest.LogCaptureFixture) -> None:
    manager = ServiceManager({})
    manager.ready("Delivering")
    await manager.keep_alive(lambda: "Delivering")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({"WATCHDOG_USEC": "4000000"}, 2.0),
        ({"WATCHDOG_USEC": "60000000"}, 10.0),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "1"}, 10.0),
        ({"WATCHDOG_USEC": "0"}, 10.0),
        ({"WATCHDOG_USEC": "soon"}, 10.0),
    ],
)
async def test_signs_of_life_are_sent_twice_as_often_as_the_watchdog_demands(
    variables: dict[str, str], seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(given: float) -> None:
        waits.append(given)
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    manager = ServiceManager({"NOTIFY_SOCKET": "/nowhere", **variables})
    with pytest.raises(asyncio.CancelledError):
        await manager.keep_alive(lambda: "")
    assert waits == [seconds]
