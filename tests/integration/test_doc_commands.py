"""The shell and Python examples of the pages do what the pages say, against a running bridge."""

import asyncio
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.support.process import serving
from tests.support.programs import free_ports, program
from tests.support.put_events import put_events

PROJECT = Path(__file__).parents[2]
SECRET = "3f1c9f0e5d6b4a7c8e9f0a1b2c3d4e5f"
INLET = "http://127.0.0.1:8471"


def blocks(page: str, heading: str, language: str) -> list[str]:
    """Return the code blocks of a language below a heading of a page."""
    text = (PROJECT / "docs" / page).read_text(encoding="utf-8")
    section = re.split(rf"^#+ {re.escape(heading)}$", text, flags=re.MULTILINE)[1]
    section = re.split(r"^## |^### ", re.sub(r"^#(?! )", "", section), flags=re.MULTILINE)[0]
    found = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [code for name, code in found if name == language]


async def run(*command: str | Path, cwd: Path) -> str:
    ran = await asyncio.to_thread(
        subprocess.run, command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def without_headers(answer: str) -> str:
    """Leave out the headers that the page leaves out."""
    lines = [line for line in answer.splitlines() if not line.startswith(("Date:", "Server:"))]
    return "\n".join(lines)


async def test_the_inlets_examples_print_what_the_page_shows(tmp_path: Path) -> None:
    program("curl", "curl")
    program("openssl", "openssl")
    (capture,) = blocks("inlet.md", "In a shell", "json")
    (script,) = blocks("inlet.md", "In a shell", "sh")
    (answer,) = blocks("inlet.md", "In a shell", "")
    (captures,) = blocks("inlet.md", "In Python", "json")
    (code,) = blocks("inlet.md", "In Python", "python")
    (printed,) = blocks("inlet.md", "In Python", "")
    (tmp_path / "capture.json").write_text(capture)
    (tmp_path / "captures.ndjson").write_text(captures)
    async with (
        put_events() as bus,
        serving(tmp_path, bus.url, INLET__SECRETS=SECRET) as bridge,
    ):
        script, code = script.replace(INLET, bridge.url), code.replace(INLET, bridge.url)
        shell = await run("bash", "-euo", "pipefail", "-c", script, cwd=tmp_path)
        assert without_headers(shell) == answer.strip()
        assert await run(sys.executable, "-c", code, cwd=tmp_path) == printed


async def test_the_metrics_examples_print_what_the_page_shows(tmp_path: Path) -> None:
    program("curl", "curl")
    (block,) = blocks("metrics.md", "Metrics, health, traces", "console")
    counted, ready = re.findall(r"^\$ (.*)$", block, re.MULTILINE)
    (port,) = free_ports(1)
    monitored = {"METRICS__ENABLED": "true", "METRICS__PORT": str(port)}
    async with put_events() as bus, serving(tmp_path, bus.url, **monitored):
        ready = ready.replace(":8473", f":{port}")
        assert await run("bash", "-c", ready, cwd=tmp_path) == block.splitlines()[-1]
        counted = counted.replace(":8473", f":{port}").replace("_events", "_info")
        assert "version=" in await run("bash", "-c", counted, cwd=tmp_path)


async def test_a_backup_by_the_commands_of_the_page_is_a_whole_spool(tmp_path: Path) -> None:
    program("sqlite3", "sqlite3")
    (tmp_path / "backup").mkdir()
    commands = blocks("operating.md", "Backup of the spool", "sh")
    assert len(commands) == 2
    (tmp_path / "captures.ndjson").write_text(blocks("inlet.md", "In Python", "json")[0])
    (code,) = blocks("inlet.md", "In Python", "python")
    # No destination accepts the captures, so they stay in the spool.
    nowhere = "http://127.0.0.1:9"
    async with serving(tmp_path, nowhere, INLET__SECRETS=SECRET) as bridge:
        await run(sys.executable, "-c", code.replace(INLET, bridge.url), cwd=tmp_path)
        for command in commands:
            backup = tmp_path / "backup/spool.sqlite"
            backup.unlink(missing_ok=True)
            here = command.replace("/var/lib/magento-eventbridge/", f"{tmp_path}/")
            await run("bash", "-c", here.replace("/backup/", f"{tmp_path}/backup/"), cwd=tmp_path)
            assert backup.stat().st_mode & 0o077 == 0
            with sqlite3.connect(backup) as copy:
                tables = [name for (name,) in copy.execute("SELECT name FROM sqlite_master")]
                assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert tables
            copy.close()
