"""The HTTP inlet, over HTTP."""

import asyncio
import io
import json
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from magento_eventbridge.captures import Capture
from magento_eventbridge.delivery.ports import QueueError
from magento_eventbridge.inlets.client import HandOverError, HandOverOptions, hand_over
from magento_eventbridge.inlets.http import Inlet, InletOptions
from magento_eventbridge.inlets.signatures import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    sign,
    signed_headers,
)
from magento_eventbridge.listener import ListenError
from magento_eventbridge.queues.sqlite.queue import SqliteQueue
from tests.support import recorded

SECRET = "a-secret-for-the-tests"
OLD_SECRET = "the-secret-before-it-"


class Spool:
    """Keeps captures in memory, and fails or waits on command."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.fault: QueueError | None = None
        self.delay = 0.0

    async def put(self, captures: Sequence[tuple[Capture, bytes]]) -> None:
        await asyncio.sleep(self.delay)
        if self.fault:
            raise self.fault
        self.kept += [body for _, body in captures]

    async def check(self) -> None:
        await self.put([])


def options(**changes: Any) -> InletOptions:
    given = {
        "host": "127.0.0.1",
        "port": 0,
        "secrets": (SECRET, OLD_SECRET),
        "max_body_bytes": 100_000,
        "max_waiting_bytes": 150_000,
        "replay_window": 300.0,
    }
    return InletOptions(**{**given, **changes})


@pytest.fixture
def spool() -> Spool:
    return Spool()


@pytest.fixture
async def inlet(spool: Spool) -> AsyncIterator[Inlet]:
    inlet = Inlet(options(), spool)
    await inlet.open()
    yield inlet
    await inlet.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def post(
    http: aiohttp.ClientSession,
    inlet: Inlet,
    body: bytes,
    headers: dict[str, str] | None = None,
    content_type: str = "application/x-ndjson",
) -> tuple[int, Any, Any]:
    signed = signed_headers(SECRET, body) if headers is None else headers
    url = f"{inlet.url}/v1/captures"
    message = {"Content-Type": content_type, **signed}
    async with http.post(url, data=io.BytesIO(body), headers=message) as got:
        return got.status, await got.json(), got.headers


def lines(count: int) -> list[bytes]:
    return [body for _, body in recorded.orders(count)]


async def test_captures_are_kept_as_they_came(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    sent = lines(3)
    status, answer, _ = await post(http, inlet, b"\n".join(sent) + b"\n")
    assert (status, answer) == (202, {"accepted": 3, "rejected": []})
    assert spool.kept == sent


async def test_a_single_capture_may_be_pretty_json(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    body = json.dumps(json.loads(lines(1)[0]), indent=2).encode()
    status, answer, _ = await post(http, inlet, body, content_type="application/json")
    assert (status, answer["accepted"]) == (202, 1)
    assert spool.kept == [body]


async def test_a_bad_capture_does_not_affect_the_others_of_a_body(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    good = lines(2)
    bad = [
        b"{broken",
        b'{"id": 7}',
        good[0].replace(b"Dallas", b"Dal\xffas"),
        b"[" * 100_0,
    ]
    status, answer, _ = await post(http, inlet, b"\n".join([good[0], *bad, good[1]]))
    assert status == 202
    assert answer["accepted"] == 2
    assert [fault["line"] for fault in answer["rejected"]] == [2, 3, 4, 5]
    assert "$.id" in answer["rejected"][1]["error"]
    assert spool.kept == good


async def test_only_bad_captures_are_unprocessable(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    status, answer, _ = await post(http, inlet, b"{}\n[]")
    assert (status, answer["accepted"], len(answer["rejected"])) == (422, 0, 2)
    assert spool.kept == []


async def test_a_body_without_a_capture_is_a_bad_request(
    http: aiohttp.ClientSession, inlet: Inlet
) -> None:
    status, answer, _ = await post(http, inlet, b"\n \n")
    assert (status, answer) == (400, {"error": "the body holds no capture"})


async def test_each_secret_is_valid_while_one_replaces_another(
    http: aiohttp.ClientSession, inlet: Inlet
) -> None:
    body = lines(1)[0]
    for secret in (SECRET, OLD_SECRET):
        status, *_ = await post(http, inlet, body, signed_headers(secret, body))
        assert status == 202


def _headers(secret: str, body: bytes, at: int) -> dict[str, str]:
    return {TIMESTAMP_HEADER: str(at), SIGNATURE_HEADER: sign(secret, at, body)}


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, "are required"),
        (_headers("some-other-secret-", b"{}", int(time.time())), "signature is wrong"),
        (_headers(SECRET, b"{ }", int(time.time())), "signature is wrong"),
        (_headers(SECRET, b"{}", int(time.time()) - 400), "is a clock wrong?"),
        # Headers are created at collection: still too new minutes later.
        (_headers(SECRET, b"{}", int(time.time()) + 4000), "is a clock wrong?"),
        ({TIMESTAMP_HEADER: "soon", SIGNATURE_HEADER: "v1=00"}, "seconds since the epoch"),
        ({TIMESTAMP_HEADER: "٣", SIGNATURE_HEADER: "v1=00"}, "seconds since the epoch"),
    ],
    ids=["none", "other secret", "other body", "too old", "too new", "no time", "no digit"],
)
async def test_an_unsigned_request_is_refused(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool, headers: dict[str, str], message: str
) -> None:
    status, answer, _ = await post(http, inlet, b"{}", headers)
    assert status == 401
    assert message in answer["error"]
    assert SECRET not in json.dumps(answer)
    assert spool.kept == []


async def test_a_replayed_request_gets_the_same_answer_and_is_kept_once(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    body = b"\n".join(lines(2))
    headers = signed_headers(SECRET, body)
    answers = [await post(http, inlet, body, headers) for _ in range(3)]
    assert [(status, message["accepted"]) for status, message, _ in answers] == [(202, 2)] * 3
    assert len(spool.kept) == 2


async def test_a_body_that_is_sent_many_times_at_once_is_kept_once(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    spool.delay = 0.2
    body = b"\n".join(lines(2))
    answers = await asyncio.gather(*[post(http, inlet, body) for _ in range(20)])
    assert [(status, answer["accepted"]) for status, answer, _ in answers] == [(202, 2)] * 20
    assert len(spool.kept) == 2
    assert inlet.counters.accepted == 2


async def test_a_body_that_could_not_be_kept_is_refused_for_all_who_sent_it_and_taken_later(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    spool.delay, spool.fault = 0.2, QueueError("full")
    body = b"\n".join(lines(2))
    answers = await asyncio.gather(*[post(http, inlet, body) for _ in range(5)])
    assert [status for status, *_ in answers] == [503] * 5
    spool.fault = None
    assert (await post(http, inlet, body))[0] == 202
    assert len(spool.kept) == 2


async def test_a_spool_that_is_too_slow_is_reported_and_keeps_a_body_once(
    http: aiohttp.ClientSession, spool: Spool
) -> None:
    spool.delay = 0.5
    inlet = Inlet(options(body_seconds=0.2, save_seconds=0.1), spool)
    await inlet.open()
    body = lines(1)[0]
    status, answer, headers = await post(http, inlet, body)
    assert (status, headers["Retry-After"]) == (503, "30")
    assert "did not answer" in answer["error"]
    async with asyncio.timeout(5):
        while (await post(http, inlet, body))[0] != 202:
            await asyncio.sleep(0.1)
    await inlet.close()
    assert spool.kept == [body]


async def test_what_a_sender_gave_up_waiting_for_is_kept_once(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    spool.delay = 0.5
    body = lines(1)[0]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await post(http, inlet, body)
    assert (await post(http, inlet, body))[0] == 202
    assert spool.kept == [body]


@pytest.mark.parametrize("name", ["spool.sqlite", "spool.sqlite.lock"])
async def test_a_spool_that_was_removed_accepts_nothing(
    http: aiohttp.ClientSession, tmp_path: Path, name: str
) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    inlet = Inlet(options(), queue)
    await inlet.open()
    assert (await post(http, inlet, lines(1)[0]))[0] == 202
    await queue.claim(1)
    (tmp_path / name).unlink()
    status, answer, _ = await post(http, inlet, lines(2)[1])
    assert status == 503
    assert "was removed while in use" in answer["error"]
    async with http.get(f"{inlet.url}/health/ready") as ready:
        assert (ready.status, await ready.text()) == (
            503,
            json.dumps({"error": answer["error"].split("; nothing")[0]}),
        )
    await inlet.close()
    await queue.close()


async def test_a_cut_signature_is_refused(http: aiohttp.ClientSession, inlet: Inlet) -> None:
    body = lines(1)[0]
    headers = signed_headers(SECRET, body)
    for wrong in (headers[SIGNATURE_HEADER][:-2], "v1=", "v1=\udce4\udcf6"):
        assert (await post(http, inlet, body, {**headers, SIGNATURE_HEADER: wrong}))[0] == 401


async def test_a_long_body_is_refused(http: aiohttp.ClientSession, inlet: Inlet) -> None:
    status, answer, _ = await post(http, inlet, b"x" * 100_001)
    assert (status, answer) == (413, {"error": "a body may have 100000 bytes"})


async def test_a_long_body_that_does_not_say_so_is_refused(
    http: aiohttp.ClientSession, inlet: Inlet
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 1000

    headers = {"Content-Type": "application/x-ndjson"}
    url = f"{inlet.url}/v1/captures"
    async with http.post(url, data=chunks(), headers=headers) as answer:
        assert answer.status == 413


@pytest.mark.parametrize(
    ("content_type", "more"),
    [("text/plain", {}), ("application/x-ndjson", {"Content-Encoding": "gzip"})],
)
async def test_other_content_is_refused(
    http: aiohttp.ClientSession, inlet: Inlet, content_type: str, more: dict[str, str]
) -> None:
    body = lines(1)[0]
    headers = {**signed_headers(SECRET, body), **more}
    status, answer, _ = await post(http, inlet, body, headers, content_type)
    assert status == 415
    assert "Content-" in answer["error"]


async def test_an_overload_is_reported_and_loses_nothing(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    spool.delay = 0.3
    body = lines(1)[0]
    padded = [body + b" " * (70_000 + number) for number in range(4)]
    answers = await asyncio.gather(*[post(http, inlet, one) for one in padded])
    statuses = sorted(status for status, *_ in answers)
    assert statuses == [202, 202, 429, 429]
    for status, _, headers in answers:
        assert status == 202 or headers["Retry-After"] == "1"
    assert len(spool.kept) == 2
    assert (await post(http, inlet, padded[0]))[0] == 202


async def test_slow_senders_block_nobody_and_are_refused(
    http: aiohttp.ClientSession, spool: Spool
) -> None:
    inlet = Inlet(options(body_seconds=0.5), spool)
    await inlet.open()
    host, port = inlet.url.removeprefix("http://").split(":")
    head = b"POST /v1/captures HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
    senders = [await asyncio.open_connection(host, int(port)) for _ in range(20)]
    for _, writer in senders:
        writer.write(head + b"Content-Length: 100000\r\n\r\nslow")
    assert (await post(http, inlet, lines(1)[0]))[0] == 202
    for reader, writer in senders:
        assert b"408" in await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    await inlet.close()


async def test_a_sender_that_disconnects_is_logged_in_one_line(
    inlet: Inlet, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = inlet.url.removeprefix("http://").split(":")
    for request in (
        b"POST /v1/captures HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
        b"Content-Type: application/x-ndjson\r\n\r\nonly this",
        b"\x16\x03\x01 this is no HTTP\r\n\r\n",
    ):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        await writer.drain()
        writer.close()
        await asyncio.sleep(0.1)
    assert "Traceback" not in caplog.text
    assert spool.kept == []


async def test_the_inlet_knows_why_it_keeps_nothing_until_it_does_again(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool
) -> None:
    await inlet.check_problem()
    assert inlet.problem == ""
    spool.fault = QueueError("the disk is full")
    assert (await post(http, inlet, lines(1)[0]))[0] == 503
    spool.fault = QueueError("the disk is still full")
    await inlet.check_problem()
    assert inlet.problem == "the disk is still full"
    spool.fault = None
    await inlet.check_problem()
    assert inlet.problem == ""
    spool.fault = QueueError("the disk is full")
    assert (await post(http, inlet, lines(2)[1]))[0] == 503
    assert inlet.problem == "the disk is full"
    spool.fault = None
    assert (await post(http, inlet, lines(2)[1]))[0] == 202
    assert inlet.problem == ""


async def test_a_full_disk_is_reported_with_a_time_to_retry(
    http: aiohttp.ClientSession, inlet: Inlet, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    spool.fault = QueueError("the disk that holds /spool is full; make room there")
    status, answer, headers = await post(http, inlet, lines(1)[0])
    assert status == 503
    assert "disk" in answer["error"]
    assert headers["Retry-After"] == "30"
    async with http.get(f"{inlet.url}/health/ready") as ready:
        assert ready.status == 503
    async with http.get(f"{inlet.url}/health/live") as live:
        assert live.status == 200
    assert (await post(http, inlet, lines(1)[0]))[0] == 503
    spool.fault = None
    async with http.get(f"{inlet.url}/health/ready") as ready:
        assert (ready.status, await ready.json()) == (200, {"status": "ready"})
    assert (await post(http, inlet, lines(1)[0]))[0] == 202
    assert (await post(http, inlet, lines(2)[1]))[0] == 202
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "Cannot keep captures",
        "Captures are kept again.",
    ]


async def test_unknown_paths_are_answered_in_json(
    http: aiohttp.ClientSession, inlet: Inlet
) -> None:
    async with http.get(f"{inlet.url}/v2") as answer:
        assert (answer.status, await answer.json()) == (404, {"error": "Not Found"})


async def test_a_used_port_is_reported(inlet: Inlet, spool: Spool) -> None:
    port = int(inlet.url.rpartition(":")[2])
    with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}"):
        await Inlet(options(port=port), spool).open()


async def test_tls(spool: Spool, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.private_key_pem.write_to_path(key)
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(chain, append=True)
    inlet = Inlet(options(tls_certificate=chain, tls_key=key), spool)
    await inlet.open()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as http:
        assert inlet.url.startswith("https://")
        assert (await post(http, inlet, lines(1)[0]))[0] == 202
    await inlet.close()


async def test_a_certificate_that_cannot_be_used_is_reported(spool: Spool, tmp_path: Path) -> None:
    nothing = tmp_path / "cert.pem"
    nothing.write_text("no certificate")
    with pytest.raises(ListenError, match="cannot use .*cert.pem"):
        await Inlet(options(tls_certificate=nothing, tls_key=nothing), spool).open()


async def test_what_was_accepted_is_on_the_disk(
    http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    queue = SqliteQueue(tmp_path / "spool.sqlite")
    inlet = Inlet(options(), queue)
    await inlet.open()
    sent = lines(20)
    assert (await hand_over(inlet.url, SECRET, sent)).accepted == 20
    await inlet.close()
    await queue.close()
    again = SqliteQueue(tmp_path / "spool.sqlite")
    assert [claim.body for claim in await again.claim(100)] == sent
    await again.close()


async def test_a_hand_over_retries_when_the_inlet_asks_for_it(inlet: Inlet, spool: Spool) -> None:
    spool.fault = QueueError("full")
    retrying = HandOverOptions(longest_pause=0.1)
    handing_over = asyncio.create_task(hand_over(inlet.url, SECRET, lines(3), retrying))
    await asyncio.sleep(0.25)
    assert not handing_over.done()
    spool.fault = None
    assert (await handing_over).accepted == 3
    assert len(spool.kept) == 3


@pytest.mark.parametrize("count", [49, 50, 100])
async def test_a_hand_over_passes_over_blank_lines_and_counts_them(
    inlet: Inlet, count: int
) -> None:
    captures = [body for _, body in recorded.orders(count)]
    lines = [*captures[:1], b"", *captures[1:], b"broken", b""]
    receipt = await hand_over(inlet.url, SECRET, lines)
    assert receipt.accepted == count
    assert [line for line, _ in receipt.rejected] == [count + 2]


async def test_a_hand_over_to_nobody_is_reported() -> None:
    with pytest.raises(
        HandOverError, match=r"cannot reach http://127\.0\.0\.1:9/v1/captures: Connection refused$"
    ):
        await hand_over("http://127.0.0.1:9", SECRET, lines(1))


async def test_a_hand_over_with_a_wrong_secret_is_reported(inlet: Inlet) -> None:
    with pytest.raises(HandOverError, match="401 .*signature is wrong"):
        await hand_over(inlet.url, "not-the-right-secret", lines(1))
