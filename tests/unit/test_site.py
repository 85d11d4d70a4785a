"""The site has no broken links, and the commands on its pages exist."""

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from tools import docs_site
from tools.site_versions import lay_out

from magento_eventbridge.cli import all_commands
from tests.support.browser import chromium
from tests.support.programs import program
from tests.unit.test_cli import command, nothing_of_this_machine  # noqa: F401
from tests.unit.test_docs import PAGES, PROJECT

ZENSICAL = Path(sys.executable).with_name("zensical")


@pytest.fixture
def site(tmp_path: Path, monkeypatch) -> Path:
    """Create a site's input in a temporary folder."""
    monkeypatch.setattr(docs_site, "BUILD", tmp_path / "build/docs")
    monkeypatch.setenv("SITE_URL", "https://docs.example.com/bridge")
    monkeypatch.setenv("SITE_VERSION", "main")
    assert docs_site.main() == 0
    return tmp_path


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ZENSICAL, "build", "--strict", "--clean", "--config-file", "build/zensical.toml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@pytest.mark.external
async def test_the_site_is_built_strictly(site):
    built = build(site)

    assert built.returncode == 0, built.stdout + built.stderr
    for page in ("index", "operators", "events/OrderPlaced", "project/agent/index"):
        assert (site / f"build/site/{page}.html").stat().st_size > 1000
    # Nothing is loaded from other hosts.
    text = (site / "build/site/index.html").read_text()
    assert not re.search(r'(?:src|href)="https?://[^"]*\.(?:js|css|woff2?)"', text)
    # What other sites show of a link to a page.
    (picture,) = re.findall(r'property="og:image" content="https://docs.example.com/([^"]*)"', text)
    assert (site / "build/site" / picture.removeprefix("bridge/main/")).stat().st_size > 10_000
    await _visit(site)


def _with_former_releases(site: Path) -> Path:
    first = site / "site-1.0.0.tar.gz"
    with tarfile.open(first, "w:gz", compresslevel=1) as archive:
        archive.add(site / "build/site", ".")
    for number in ("1.0.1", "1.1.0"):
        shutil.copyfile(first, site / f"site-{number}.tar.gz")
    pages = site / "server/bridge"
    assert lay_out(site.glob("site-*"), site / "build/site", pages) == ["1.1", "1.0", "main"]
    return pages


async def _visit(site: Path) -> None:
    """Visit the site as a reader does, at its address, with two former releases beside it."""
    pages = _with_former_releases(site)

    class Pages(SimpleHTTPRequestHandler):
        """The site; an unknown path is answered as GitHub Pages does."""

        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(site / "server"))

        def send_error(self, code: int, message: Any = None, explain: Any = None) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write((pages / "404.html").read_bytes())

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            async with chromium() as browser:
                await _read(await browser.new_page(), f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()


async def _read(page: Page, host: str) -> None:
    missing: list[str] = []
    page.on("response", lambda got: missing.append(got.url) if got.status == 404 else None)
    await page.goto(f"{host}/bridge/")
    await page.wait_for_url("**/bridge/1.1/")
    # The same page of another version.
    await page.goto(f"{host}/bridge/1.1/operating.html")
    await expect(page.locator(".md-version__current")).to_have_text("1.1.0")
    await expect(page.locator(".md-version__link")).to_have_text(["1.1.0", "1.0.1", "main"])
    await page.locator(".md-version__current").focus()
    await page.locator(".md-version__link", has_text="main").click()
    await page.wait_for_url("**/bridge/main/operating.html")
    # The search finds a section of another page.
    await page.goto(f"{host}/bridge/main/faq.html")
    await page.get_by_role("button", name="Search").first.click()
    await page.keyboard.type("a bus that does not exist", delay=10)
    # The results are in a closed shadow tree: Enter opens the first one when there is one.
    async with asyncio.timeout(20):
        while not re.search(r"/main/operating\.html.*#a-bus-that-does-not-exist$", page.url):
            await page.keyboard.press("Enter")
            await page.wait_for_timeout(200)
    # A page that does not exist leads back.
    assert missing == []
    await page.goto(f"{host}/bridge/1.0/no/such-page.html")
    await page.locator(".md-logo").first.click()
    await expect(page.locator("h1").first).to_contain_text("magento-eventbridge")
    assert missing == [f"{host}/bridge/1.0/no/such-page.html"]


@pytest.mark.external
def test_a_broken_link_ends_it(site):
    page = site / "build/docs/faq.md"
    page.write_text(f"{page.read_text()}\n[x](nowhere.md) [x](faq.md#nowhere)\n")
    built = build(site)
    assert built.returncode != 0
    assert "page does not exist" in built.stderr
    assert "anchor does not exist" in built.stderr


@pytest.mark.external
def test_links_out_of_the_docs_lead_to_their_files(site):
    text = (site / "build/docs/operating.md").read_text()
    assert "(project/deploy/magento-eventbridge.service)" in text
    assert "](../deploy" not in text
    agent = (site / "build/docs/project/agent/README.md").read_text()
    assert "# The agent" in agent


# Commands

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def shell_commands(page: Path) -> Iterator[str]:
    """Return the commands of a page's shell blocks: after `$` in an example with output."""
    for language, block in _FENCE.findall(page.read_text(encoding="utf-8")):
        lines = [line.strip() for line in block.replace("\\\n", " ").splitlines()]
        if language == "console":
            yield from (line[2:] for line in lines if line.startswith("$ "))
        elif language in ("sh", "bash"):
            yield from (line for line in lines if line and not line.startswith("#"))


def shown(page: Path) -> Iterator[list[str]]:
    """Return the arguments of each `magento-eventbridge` command on a page."""
    for line in shell_commands(page):
        words = shlex.split(line, comments=True)
        ends = [i for i, word in enumerate(words) if word in (">", "|", "&&", ";", "<")]
        words = words[: min(ends, default=len(words))]
        if words and words[0].endswith("magento-eventbridge"):
            yield words[1:]


COMMANDS = [
    pytest.param(words, id=f"{page.relative_to(PROJECT)}: {' '.join(words)}")
    for page in PAGES
    for words in shown(page)
]


def test_pages_show_commands():
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_a_page_has_the_arguments_that_it_shows(words):
    at: Any = all_commands()
    context = at.make_context("magento-eventbridge", list(words), resilient_parsing=True)
    rest = list(words)
    while hasattr(at, "get_command"):
        name = rest.pop(0)
        inner = at.get_command(context, name)
        assert inner is not None, f"no command {name}"
        at, context = inner, type(context)(inner, parent=context, info_name=name)
    at.parse_args(context, rest)


# Commands that need neither a shop nor AWS, and that end.
_RUNS = {
    ("events",),
    ("iam", "policy"),
    ("rules", "pattern"),
    ("rules", "test"),
    ("schemas", "export"),
    ("version",),
}


def runs(words: list[str]) -> bool:
    alone = not {"--magento-root", "--config"} & set(words)
    # Without an account in the settings, AWS is asked for it.
    asks = words[:2] == ["iam", "policy"] and "--account" not in words
    prints = words[:2] == ["rules", "put"] and "--format" in words
    searches = words[:2] == ["events", "find"]  # in what a bridge delivered
    known = any(tuple(words[: len(start)]) == start for start in _RUNS)
    return alone and not asks and not searches and (known or prints)


RUNNABLE = [parameter for parameter in COMMANDS if runs(parameter.values[0])]  # type: ignore[arg-type]


def test_many_commands_can_be_run():
    assert len(RUNNABLE) >= 10


@pytest.mark.parametrize("words", RUNNABLE)
def test_a_command_of_a_page_runs(command, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pattern.json").write_text('{"detail-type": ["OrderPlaced"]}')
    ran = command(*words)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out


def test_the_quick_start_prints_what_it_says(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (PROJECT / "docs/quick-start.md").read_text()
    (make,) = [w.values[0] for w in COMMANDS if w.id == (
        "docs/quick-start.md: rules pattern OrderPlaced --detail total>=50"
    )]  # fmt: skip
    Path("pattern.json").write_text(command(*make).out)  # type: ignore[misc]
    ran = command("rules", "test", "pattern.json", "OrderPlaced", "OrderCanceled", "--local")
    assert ran.out in text


def test_the_consumers_guide_prints_what_it_says(command):
    text = (PROJECT / "docs/consumers.md").read_text()
    first = next(w.values[0] for w in COMMANDS if str(w.id).startswith("docs/consumers.md: rules"))
    assert command(*first).out.strip() in text  # type: ignore[misc]


@pytest.mark.external
def test_the_typescript_of_the_consumers_guide_compiles(tmp_path):
    text = (PROJECT / "docs/consumers.md").read_text()
    (code,) = re.findall(r"^```ts\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "handler.ts").write_text(code)
    declarations = "src/magento_eventbridge/events/events.d.ts"
    (tmp_path / "schemas").mkdir()  # where the guide exports them to
    shutil.copyfile(PROJECT / declarations, tmp_path / "schemas/events.d.ts")
    options = ["--strict", "--noEmit", "--target", "es2020", "--moduleResolution", "node"]
    ran = subprocess.run(
        [program("tsc", "node-typescript"), *options, "handler.ts"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert (ran.returncode, ran.stdout) == (0, "")


def test_the_python_of_the_consumers_guide_runs(capsys):
    text = (PROJECT / "docs/consumers.md").read_text()
    one, several = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    from tests.unit.test_events import PLACED

    names: dict[str, Any] = {}
    exec(one, names)
    names["handler"](PLACED, None)
    names["handler"](PLACED | {"detail-type": "OrderTeleported"}, None)
    assert capsys.readouterr().out == "000000001 64 ['24-MB02']\n"
    exec(several, names)
    assert names["handler"]([PLACED, PLACED], None) == {"batchItemFailures": []}
    assert capsys.readouterr().out == "000000001\n000000001\n"
