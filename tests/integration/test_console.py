"""Who may use the console, and what it shows when something is unavailable; without a browser."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import ClientError, ClientSession, CookieJar

from magento_eventbridge.bridge.bridge import Bridge
from magento_eventbridge.catalog.declared import Declaration, DeclaredField, Trigger
from magento_eventbridge.console.access import COOKIE, Access, AccessLimits
from magento_eventbridge.console.login_links import (
    LoginLinkError,
    LoginLinks,
    Visitor,
    create_link,
)
from magento_eventbridge.console.server import Console
from magento_eventbridge.declarations import exported
from magento_eventbridge.doctor.findings import Finding
from magento_eventbridge.ledger.archive import LedgerArchive
from magento_eventbridge.listener import ListenError
from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.layers import Layer, load
from magento_eventbridge.settings.listeners import ConsoleSettings
from tests.support.unavailable_queue import add_unavailable_queue
from tests.support.waiting import PATIENCE

PASSWORD = "a long enough password"
READ_ONLY = "another long password"
PROXY_SECRET = "what only the proxy knows"
PATHS = (
    *("/", "/events", "/dead-letters", "/audit", "/catalog", "/settings", "/doctor"),
    "/overview/live",
)


async def _examine() -> list[Finding]:
    return [Finding("inlet", "ok", "1 secret")]


def _bridge(folder: Path, console: dict[str, Any], **groups: Any) -> Bridge:
    values = {
        "inlet": {"enabled": False},
        "spool": {"path": str(folder / "spool.sqlite")},
        "console": {"port": 0, "login": _needs_login(console), **console},
        **groups,
    }
    settings, origins = load([Layer("test", values)])
    return Bridge(settings, None, origins)


@asynccontextmanager
async def _console(
    folder: Path, bridge: Bridge | None = None, **settings: Any
) -> AsyncIterator[ClientSession]:
    console = Console(bridge or _bridge(folder, settings), _examine)
    await console.open()
    jar = CookieJar(unsafe=True)  # of an address, not of a name
    try:
        async with ClientSession(console._listener.url, cookie_jar=jar) as http:
            yield http
    finally:
        await console.close()


def _needs_login(console: dict[str, Any]) -> bool:
    return "host" in console or any("password" in name or "proxy" in name for name in console)


async def _csrf(http: ClientSession, path: str = "/doctor") -> str:
    async with http.get(path) as answer:
        found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
    assert found
    return found[1]


async def _post(
    http: ClientSession, path: str, form: dict[str, str], **headers: str
) -> tuple[int, str]:
    async with http.post(path, data=form, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def test_every_answer_carries_the_policy(tmp_path: Path) -> None:
    async with _console(tmp_path) as http:
        for path in (*PATHS, "/static/console.js", "/static/console.css", "/nothing"):
            async with http.get(path) as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
                assert "unsafe" not in policy
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                is_asset = path.startswith("/static/")
                assert ("no-store" in answer.headers["Cache-Control"]) != is_asset
                text = await answer.text()
                assert "style=" not in text
                assert "<style" not in text
                assert is_asset or not re.search(r"<script(?! src=\"/static/)", text)
        async with http.get("/static/../server.py") as answer:
            assert answer.status == 404


@pytest.mark.parametrize("path", ["/doctor", "/dead-letters", "/catalog/OrderPlaced", "/logout"])
async def test_a_forged_form_does_nothing(tmp_path: Path, path: str) -> None:
    async with _console(tmp_path) as http:
        token = await _csrf(http)
        for form in ({}, {"csrf": "guessed"}, {"csrf": token[:-1]}, {"csrf": "\N{SNOWMAN}"}):
            status, text = await _post(http, path, form)
            assert (status, "Nothing was done" in text) == (403, True)
        status, _ = await _post(http, path, {"csrf": token}, Origin="http://evil.example")
        assert status == 403
        async with http.get("/doctor") as answer:
            assert "No check has been run" in await answer.text()
        url = str(http._base_url).rstrip("/")
        assert (await _post(http, "/doctor", {"csrf": token}, Origin=url))[0] == 303


async def test_a_proxy_that_hides_the_host_gets_forms_through(tmp_path: Path) -> None:
    """As nginx does by default: its requests name the address that it connects to."""
    async with _console(tmp_path, url="https://console.example") as http:
        token = await _csrf(http)
        for origin, status in (
            ("https://console.example", 303),
            ("http://console.example", 403),
            ("https://other.example", 403),
        ):
            found, text = await _post(http, "/doctor", {"csrf": token}, Origin=origin)
            assert (origin, found, "set console.url" in text) == (origin, status, status == 403)
        async with http.get("/", headers={"Host": "console.example"}) as answer:
            assert answer.status == 200


async def test_another_browsers_token_does_not_count(tmp_path: Path) -> None:
    bridge = _bridge(tmp_path, {})
    async with _console(tmp_path, bridge) as http:
        token = await _csrf(http)
        http.cookie_jar.clear()
        assert (await _post(http, "/doctor", {"csrf": token}))[0] == 403


async def test_without_a_password_only_this_machines_names_count(tmp_path: Path) -> None:
    async with _console(tmp_path) as http:
        for host, status in (
            ("localhost:8472", 200),
            ("127.0.0.1", 200),
            ("[::1]:8472", 200),
            ("evil.example:8472", 403),
            ("192.0.2.1", 403),
        ):
            async with http.get("/", headers={"Host": host}) as answer:
                assert (host, answer.status) == (host, status)


async def test_guessing_passwords_becomes_slow_and_does_not_lock_out_the_right_one(
    tmp_path: Path,
) -> None:
    async with _console(tmp_path, password=PASSWORD) as http:
        token = await _csrf(http, "/login")
        for status in (*[401] * 10, 429):
            form = {"csrf": token, "password": "a wrong guess"}
            assert (await _post(http, "/login", form))[0] == status
        began = time.monotonic()
        assert (await _post(http, "/login", form))[0] == 429
        assert time.monotonic() - began >= 1


async def test_a_flood_of_wrong_passwords_locks_nobody_out(tmp_path: Path) -> None:
    async with _console(tmp_path, password=PASSWORD) as http:
        token = await _csrf(http, "/login")
        cookie = next(iter(http.cookie_jar))

        async def guess() -> None:
            form = {"csrf": token, "password": "a wrong guess"}
            async with ClientSession(http._base_url, cookies={COOKIE: cookie.value}) as own:
                while True:
                    with suppress(ClientError):
                        await _post(own, "/login", form)

        guesses = [asyncio.create_task(guess()) for _ in range(90)]  # 64 connections are accepted
        await asyncio.sleep(1)
        is_in = False
        async with asyncio.timeout(PATIENCE):
            while not is_in:
                jar = CookieJar(unsafe=True)
                async with ClientSession(http._base_url, cookie_jar=jar) as right:
                    with suppress(ClientError, AssertionError):  # one connection too many
                        form = {"csrf": await _csrf(right, "/login"), "password": PASSWORD}
                        is_in = (await _post(right, "/login", form))[0] == 303
        for each in guesses:
            each.cancel()
        await asyncio.gather(*guesses, return_exceptions=True)


@pytest.mark.parametrize(
    "path",
    [
        f"/events?store={'9' * 30}",
        f"/events?before={'9' * 5000}",
        "/events?before=-1",
        "/events?store=1e9",
        f"/settings?view={2**64}",
    ],
)
async def test_numbers_that_cannot_be_used_are_refused(tmp_path: Path, path: str) -> None:
    async with _console(tmp_path) as http, http.get(path) as answer:
        assert answer.status == 400


async def test_odd_times_are_no_error_of_ours(tmp_path: Path) -> None:
    async with _console(tmp_path) as http:
        for value in ("0001-01-01", "9999-12-31T23:59:59+00:00", "2026-13-01", "%00"):
            async with http.get(f"/events?since={value}") as answer:
                assert answer.status != 500, value


async def test_requests_that_cannot_be_read_are_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    form = "application/x-www-form-urlencoded"
    async with _console(tmp_path) as http:
        hosts = (
            "[",
            "[::1",
            "a b",
            "localhost:99999999",
            "[::1]x",
            "",
            "\xff",
            "%31",
            "a/b",
            "a@b",
        )
        for headers, body, status in (
            *(({"Host": host}, "", 400) for host in hosts),
            *(({"Host": host}, "csrf=x", 400) for host in hosts),
            ({"Host": "[fe80::1%25eth0]"}, "", 403),
            *(({"Origin": origin}, "csrf=x", 403) for origin in ("http://[", "//", "\xff")),
            ({"Content-Type": "multipart/form-data"}, "csrf=x", 400),
            ({"Content-Type": "multipart/form-data; boundary=x"}, "csrf=x", 400),
            ({"Content-Type": "multipart/form-data; boundary=x"}, "x" * 600_000, 400),
            ({"Content-Type": f"{form}; charset=nope"}, "csrf=x", 400),
            ({"Content-Type": f"{form}; charset=utf-7"}, "csrf=+2AA-", 400),
            ({"Content-Type": f"{form}; charset=unicode_escape"}, "csrf=x&q=\\ud800", 400),
            ({"Content-Type": form}, b"\xff\xfe", 400),
            ({"Content-Type": form}, "csrf=%ff&q=%ed%a0%80", 403),
        ):
            method = "POST" if body else "GET"
            async with http.request(method, "/doctor", headers=headers, data=body) as answer:
                assert (headers, answer.status) == (headers, status)
        for goal in ("//[", "/a%0d%0aX: y", "http://["):
            async with http.get(f"/login?next={goal}", allow_redirects=False) as answer:
                assert answer.status == 303
        async with http.get("/settings?q=%ed%a0%80") as answer:
            assert (answer.status, "No setting matches" in await answer.text()) == (200, True)
    assert "Traceback" not in caplog.text
    assert "Error handling request" not in caplog.text


async def test_idle_connections_are_limited(tmp_path: Path) -> None:
    async with _console(tmp_path) as http:
        address = urlsplit(str(http._base_url))
        opened = [await asyncio.open_connection(address.hostname, address.port) for _ in range(80)]
        refused = [reader for reader, _ in opened if b"503" in await _first_line(reader)]
        assert len(refused) >= 80 - 64
        for _, writer in opened:
            writer.close()
        async with asyncio.timeout(PATIENCE):
            while True:
                async with http.get("/") as answer:
                    if answer.status == 200:
                        break
                await asyncio.sleep(0.1)


async def _first_line(reader: asyncio.StreamReader) -> bytes:
    with suppress(TimeoutError):
        return await asyncio.wait_for(reader.readline(), 0.1)
    return b""


async def test_a_login_leads_back_but_never_away(tmp_path: Path) -> None:
    async with _console(tmp_path, password=PASSWORD) as http:
        for goal, led_to in (
            ("/events?q=1", "/events?q=1"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
        ):
            token = await _csrf(http, "/login")
            form = {"csrf": token, "password": PASSWORD, "next": goal}
            async with http.post("/login", data=form, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, led_to)
            async with http.get("/login", allow_redirects=False) as answer:
                assert answer.status == 303  # is logged in
            token = await _csrf(http)
            assert (await _post(http, "/logout", {"csrf": token}))[0] == 303
            async with http.get("/", allow_redirects=False) as answer:
                assert answer.headers["Location"] == "/login"
        async with http.get("/overview/live", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (
                303,
                "/login?next=/overview/live",
            )
        token = await _csrf(http, "/login")
        assert (await _post(http, "/doctor", {"csrf": token}))[0] == 403


async def test_the_cookie_is_for_https_where_that_is_spoken(tmp_path: Path) -> None:
    async with _console(tmp_path) as http:
        for proto, is_secure in (("https", True), ("http", False), ("https, http", True)):
            http.cookie_jar.clear()
            async with http.get("/", headers={"X-Forwarded-Proto": proto}) as answer:
                cookie = answer.cookies[COOKIE]
                assert bool(cookie["secure"]) == is_secure
                assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")


async def test_a_proxys_word_counts_from_the_proxy_only(tmp_path: Path) -> None:
    named = {"X-Remote-User": "ada"}
    by_proxy = {"proxy_header": "X-Remote-User", "proxy_secret": PROXY_SECRET}
    proven = {**named, "X-Console-Secret": PROXY_SECRET}
    async with _console(tmp_path, None, **by_proxy, hosts="console.example") as http:
        async with http.get("/", headers={**proven, "Host": "Console.Example"}) as answer:
            assert (answer.status, "ada" in await answer.text()) == (200, True)
        token = await _token(http, proven)
        assert (await _post(http, "/doctor", {"csrf": token}, **proven))[0] == 303
        async with http.get("/", headers={**proven, "Host": "other.example"}) as answer:
            assert (answer.status, "console.hosts" in await answer.text()) == (403, True)
        # The cookie of a proxied user is worth nothing without the proxy.
        for headers in ({}, named, {**named, "X-Console-Secret": "guessed"}):
            async with http.get("/", headers=headers, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, "/login")
        assert (await _post(http, "/doctor", {"csrf": token}))[0] == 403
    elsewhere = {**by_proxy, "proxies": ["192.0.2.7"]}
    async with _console(tmp_path, None, **elsewhere) as http:
        async with http.get("/", headers=proven, allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/login"
    async with _console(tmp_path, None, **elsewhere, password=PASSWORD) as http:
        async with http.get("/", headers=proven, allow_redirects=False) as answer:
            assert answer.headers["Location"] == "/login"


async def test_the_proxys_users_are_operators_as_the_settings_say(tmp_path: Path) -> None:
    settings = {"proxy_header": "X-User", "proxy_secret": PROXY_SECRET, "operators": "ada bob"}
    async with _console(tmp_path, None, **settings) as http:
        for user, status in (("ada", 303), ("eve", 403)):
            headers = {"X-User": user, "X-Console-Secret": PROXY_SECRET}
            http.cookie_jar.clear()
            async with http.get("/login?next=/", headers=headers, allow_redirects=False) as answer:
                assert answer.status == 303
            async with http.get("/dead-letters", headers=headers) as answer:
                page = await answer.text()
            assert ("read-only" in page) == (user == "eve")
            token = await _token(http, headers)
            assert (await _post(http, "/doctor", {"csrf": token}, **headers))[0] == status


async def _token(http: ClientSession, headers: dict[str, str]) -> str:
    async with http.get("/doctor", headers=headers) as answer:
        found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
    return found[1] if found else ""


async def test_own_events_have_a_page_and_a_switch(tmp_path: Path) -> None:
    file = tmp_path / "declarations.json"
    own = Declaration(
        name="PriceChanged",
        place="x:1",
        triggers=(Trigger("catalog_product_save_after"),),
        fields=(DeclaredField("newPrice", "price", "number"),),
    )
    exported.write(file, (own,))
    bridge = _bridge(tmp_path, {}, declarations_file=str(file))
    async with _console(tmp_path, bridge) as http:
        for path in ("/catalog", "/settings"):
            async with http.get(path) as answer:
                assert "PriceChanged" in await answer.text(), path
        async with http.get("/catalog/PriceChanged") as answer:
            assert answer.status == 200
            assert "newPrice" in await answer.text()


async def test_sessions_expire_and_their_number_is_limited(tmp_path: Path) -> None:
    clock = [0.0]
    settings = ConsoleSettings.model_validate({"password": PASSWORD})
    access = Access(
        settings, LoginLinks(tmp_path / "k"), lambda: clock[0], AccessLimits(sessions=3)
    )
    session = await access.log_in(access._new(), PASSWORD)
    assert session
    for _ in range(5):
        access._new()
    assert access._known(session.token) is session  # unauthenticated connections are closed first
    clock[0] += 11 * 3600
    assert access._known(session.token) is session
    clock[0] += 13 * 3600
    assert access._known(session.token) is None
    assert "token" not in repr(session)


@pytest.mark.parametrize(
    ("console", "result"),
    [
        ({"host": "0.0.0.0", "login": False}, "console.login"),
        (
            {"host": "console.example", "login": False},
            "open to everybody who reaches console.example",
        ),
        ({"url": "https://shop.example.com/bridge"}, "needs a name of its own"),
        ({"password": "short"}, "at least 12 characters"),
        ({"read_only_password": "short"}, "at least 12 characters"),
        ({"password": PASSWORD, "read_only_password": PASSWORD}, "must differ"),
        ({"password": PASSWORD, "login": False}, "login is off"),
        ({"proxy_header": "X-Remote-User"}, "console.proxy_secret"),
        ({"proxy_header": "X-User", "proxy_secret": "short"}, "at least 16 characters"),
    ],
)
def test_it_does_not_open_unprotected(tmp_path: Path, console: Any, result: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(result)):
        _bridge(tmp_path, console)


@pytest.mark.parametrize(
    "console",
    [
        {"host": "0.0.0.0", "password": PASSWORD},
        {"host": "0.0.0.0"},
        {"host": "0.0.0.0", "proxy_header": "X-User", "proxy_secret": PROXY_SECRET},
        {"host": "0.0.0.0", "enabled": False},
        {"host": "::1"},
        {"host": "localhost"},
    ],
)
def test_what_is_protected_may_open(tmp_path: Path, console: Any) -> None:
    assert _bridge(tmp_path, console).settings.console.host == console["host"]


async def test_by_default_it_needs_a_login(tmp_path: Path) -> None:
    async with _console(tmp_path, login=True) as http:
        for path in (*PATHS, "/dead-letters.ndjson?queue=spool", "/events/tail", "/nothing"):
            async with http.get(path, allow_redirects=False) as answer:
                assert (path, answer.status) == (path, 303)
                assert answer.headers["Location"].startswith("/login")
        async with http.get("/login") as answer:
            text = await answer.text()
            assert "magento-eventbridge console login" in text
            assert 'type="password"' not in text
        form = {"csrf": "any", "password": PASSWORD}
        assert (await _post(http, "/login", form))[0] == 403
        token = await _csrf_of(http, "/login")
        assert token == ""  # nothing to fill in


async def _follow(http: ClientSession, link: str) -> tuple[int, str]:
    """Open a login link and send its form, as a browser does; return the status and the goal."""
    async with http.get(link) as answer:
        fields = re.findall(r'name="(\w+)" value="([^"]*)"', await answer.text())
    # The last ones: the first are those of the form to log out.
    async with http.post("/login", data=dict(fields), allow_redirects=False) as answer:
        return answer.status, answer.headers["Location"]


async def _cookie_of(http: ClientSession) -> str:
    assert http._base_url
    return http.cookie_jar.filter_cookies(http._base_url)[COOKIE].value


async def _csrf_of(http: ClientSession, path: str) -> str:
    async with http.get(path) as answer:
        found = re.search(r'name="csrf" value="([^"]+)"', await answer.text())
    return found[1] if found else ""


async def test_a_link_logs_in_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "magento_eventbridge")
    bridge = _bridge(tmp_path, {"login": True})
    async with _console(tmp_path, bridge) as http:
        file = bridge.settings.console_login_file
        assert file.stat().st_mode & 0o777 == 0o600
        link = create_link(file, Visitor("ada", "operator"))
        assert link.startswith(str(http._base_url))
        for _ in range(2):  # a preview does not use the link up
            async with http.head(link) as answer:
                assert answer.status == 200
            async with ClientSession() as preview, preview.get(link) as answer:
                assert (answer.status, "logs ada in" in await answer.text()) == (200, True)
        async with http.get("/", allow_redirects=False) as answer:
            assert answer.status == 303
        before = await _cookie_of(http)
        assert await _follow(http, link) == (303, "/")
        assert await _cookie_of(http) != before, "nobody knows the session's token beforehand"
        async with http.get("/") as answer:
            assert (answer.status, "ada" in await answer.text()) == (200, True)
        assert (await _post(http, "/doctor", {"csrf": await _csrf(http)}))[0] == 303
        http.cookie_jar.clear()
        async with http.get(link) as answer:
            assert (answer.status, "used already" in await answer.text()) == (401, True)
        async with http.get("/", allow_redirects=False) as answer:
            assert answer.status == 303
        reading = create_link(file, Visitor("eve", "read-only"))
        assert await _follow(http, reading) == (303, "/")
        async with http.get("/") as answer:
            assert "(read-only)" in await answer.text()
        status, text = await _post(http, "/doctor", {"csrf": await _csrf(http)})
        assert (status, "change nothing" in text) == (403, True)
        again = create_link(file, Visitor("ada", "operator"))
        assert await _follow(http, f"{again}&next=/events") == (303, "/events")
        async with http.get("/") as answer:
            assert "(read-only)" not in await answer.text(), "a link of another role counts"
        async with http.get(f"{link}&next=/doctor") as answer:
            assert answer.url.path == "/doctor", "a used link ends no login"
        assert (await _post(http, "/logout", {"csrf": await _csrf(http)}))[0] == 303
    assert not file.exists()
    assert "ada logged in by a link as operator, from 127.0.0.1" in caplog.text
    assert "Console: ada runs the checks" in caplog.text
    assert "token=" not in caplog.text
    with pytest.raises(LoginLinkError, match="no console is running"):
        create_link(file, Visitor("ada", "operator"))


def test_a_forged_old_or_foreign_link_is_refused(tmp_path: Path) -> None:
    now = [1_000.0]
    links = LoginLinks(tmp_path / "key", lambda: now[0])
    links.open("http://localhost:8472")
    ada = Visitor("ada\n", "operator")

    def token(link: str) -> str:
        return unquote(link.partition("token=")[2])

    good = token(create_link(tmp_path / "key", ada, now[0]))
    payload, _, signature = good.partition(".")
    for bad in (
        "",
        ".",
        payload,
        f"{payload}.",
        f"{payload}.{'0' * 64}",
        f"x{good}",
        f"{good}0",
        f".{signature}",
        "\N{SNOWMAN}.\N{SNOWMAN}",
    ):
        assert links.redeem(bad) is None
    assert links.visitor_of(good) == ada
    assert links.redeem(good) == ada
    assert links.visitor_of(good) is None
    assert links.redeem(good) is None
    late = token(links.link("http://localhost:8472", ada))
    now[0] += 600
    assert links.redeem(late) is None
    other = LoginLinks(tmp_path / "other", lambda: now[0])
    assert other.redeem(token(links.link("http://localhost:8472", ada))) is None
    other.open("http://localhost:1")
    (tmp_path / "other").rename(tmp_path / "key")
    links.close()  # it has been replaced by another console's
    assert (tmp_path / "key").exists()
    (tmp_path / "key").write_text("{}")
    with pytest.raises(LoginLinkError, match="Restart the service"):
        create_link(tmp_path / "key", ada)
    links.close()


async def test_a_folder_that_cannot_be_written_costs_the_links_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    bridge = _bridge(tmp_path / "file", {"login": True})
    async with _console(tmp_path, bridge) as http, http.get("/login") as answer:
        assert answer.status == 200
    assert "Console: no login links" in caplog.text


async def test_two_roles_by_password(tmp_path: Path) -> None:
    settings = {"password": PASSWORD, "read_only_password": READ_ONLY}
    async with _console(tmp_path, None, **settings) as http:
        for password, status in ((READ_ONLY, 403), (PASSWORD, 303)):
            form = {"csrf": await _csrf(http, "/login"), "password": password}
            assert (await _post(http, "/login", form))[0] == 303
            assert (await _post(http, "/doctor", {"csrf": await _csrf(http)}))[0] == status
            assert (await _post(http, "/logout", {"csrf": await _csrf(http)}))[0] == 303


async def test_a_link_from_another_site_reaches_the_page(tmp_path: Path) -> None:
    bridge = _bridge(tmp_path, {"login": True})
    async with _console(tmp_path, bridge) as http:
        headers = {"Sec-Fetch-Site": "cross-site"}
        async with http.get('/events?q=1"', headers=headers, allow_redirects=False) as answer:
            assert answer.status == 200
            assert 'content="0; url=/events?q=1%22"' in await answer.text()
        # Also the login page, whose new cookie would log out who is logged in.
        async with http.get("/login?token=used", headers=headers) as answer:
            assert (answer.status, "Set-Cookie" in answer.headers) == (200, False)
            assert 'content="0; url=/login?token=used"' in await answer.text()


async def test_the_console_names_its_address_for_people(tmp_path: Path) -> None:
    for settings, url in (
        ({"host": "0.0.0.0"}, "http://localhost:"),
        ({"url": "https://console.example/"}, "https://console.example"),
    ):
        console = Console(_bridge(tmp_path, settings), _examine)
        await console.open()
        try:
            assert console.url.startswith(url)
        finally:
            await console.close()


async def test_errors_are_explained_on_a_page(tmp_path: Path) -> None:
    bridge = _bridge(tmp_path, {}, journal={"enabled": False})
    assert bridge.journal is None
    async with _console(tmp_path, bridge) as http:
        for path in ("/", "/dead-letters", "/settings", "/catalog", "/doctor"):
            async with http.get(path) as answer:
                assert answer.status == 200
        async with http.get("/") as answer:
            text = await answer.text()
            assert "Starting" in text
            assert "journal.enabled is off" in text
        for path, status, result in (
            ("/events", 503, "journal.enabled is off"),
            ("/events/some-id", 503, "journal.enabled is off"),
            ("/catalog/NoSuchEvent", 404, "no such event"),
            ("/dead-letters/amqp/1", 404, "no queue &#39;amqp&#39;"),
            ("/nothing", 404, "Not Found"),
        ):
            async with http.get(path) as answer:
                text = await answer.text()
                assert (path, answer.status, result in text) == (path, status, True)
                assert "Traceback" not in text
    bridge = _bridge(tmp_path, {})
    add_unavailable_queue(bridge)
    async with _console(tmp_path, bridge) as http:
        async with http.get("/events") as answer:
            assert (answer.status, "no journal at" in await answer.text()) == (503, True)
        async with http.get("/") as answer:
            text = await answer.text()
            assert "Queue unavailable" in text
            assert "the database is away" in text
        async with http.get("/dead-letters?done=4-redriven") as answer:
            text = await answer.text()
            assert (answer.status, "the database is away" in text) == (200, True)
            assert "4 redriven." in text and "No dead letters" not in text
        async with http.get("/dead-letters?done=Call+555-1234") as answer:
            assert "555" not in await answer.text()
        for path in ("/dead-letters?queue=outbox&q=1", "/dead-letters/outbox/1"):
            async with http.get(path) as answer:
                assert (answer.status, "the database is away" in await answer.text()) == (503, True)


async def test_a_fault_of_ours_shows_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bridge = _bridge(tmp_path, {})
    bridge.deliveries.present.append(None)  # type: ignore[arg-type]
    async with _console(tmp_path, bridge) as http:
        async with http.get("/") as answer:
            text = await answer.text()
            assert (answer.status, "Internal error" in text) == (500, True)
            assert "Traceback" not in text
    assert "Console: a page failed" in caplog.text


async def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    first = Console(_bridge(tmp_path, {}), _examine)
    await first.open()
    port = int(first.url.rpartition(":")[2])
    with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}"):
        await Console(_bridge(tmp_path, {"port": port}), _examine).open()
    await first.close()


async def test_the_audit_page_shows_the_last_audits_and_what_is_missing(tmp_path: Path) -> None:
    bridge = _bridge(tmp_path, {}, outbox={"enabled": True, "port": 9, "unix_socket": ""})
    finding = {"detail_type": "OrderCreated", "name": "order 000000172", "happened_at": 1.0}
    counts = {"delivered": 12, "waiting": 0, "dead letter": 0, "missing": 1, "unknown": 0}
    result = {"since": 0.0, "counts": counts, "missing": [finding], "notes": ["by one bridge"]}
    assert bridge.settings.ledger_file
    LedgerArchive([bridge.settings.ledger_file]).keep_audit(2.0, result)
    async with _console(tmp_path, bridge) as http:
        async with http.get("/audit") as answer:
            text = await answer.text()
        assert answer.status == 200
        assert "order 000000172" in text and "Send what is missing" in text
        assert "by one bridge" in text
        token = await _csrf(http, "/audit")
        assert (await _post(http, "/audit", {"csrf": token, "act": "x"}))[0] == 400
        for act in ("audit", "repair"):
            async with http.post("/audit", data={"csrf": token, "act": act}) as answer:
                assert "failed: " in await answer.text()
                assert answer.url.path == "/audit"


async def test_the_audit_page_says_why_there_is_no_audit(tmp_path: Path) -> None:
    async with _console(tmp_path) as http, http.get("/audit") as answer:
        assert "no ledger is kept" in await answer.text()
