"""Record the captures of an action in a real store, for the store day of demo and tests.

    python -m tools.take_store_day MAGENTO_ROOT ACTION COMMAND [ARGUMENT...]

runs COMMAND, which does ACTION in the store as a person or a program would, and puts the captures
that the agent wrote to the outbox meanwhile into `demo/store_day.ndjson`, in place of those that
ACTION had there. The store must be one for tests, with the agent installed, all events and tracking
switched on, and no bridge at work. What ACTION must yield is then written by hand into
`demo/store_day_expected.json`, from what it does.

The captures are as the agent wrote them, except names that show where they were recorded: those of
the store, the machine, the system user that ran commands, and the vendor of modules that were
written to drive the store. `REPLACED` is the whole list.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql

from magento_eventbridge import demo
from magento_eventbridge.magento.connections import Database, database_of
from magento_eventbridge.magento.env_php import read_deployment

Json = dict[str, Any]

STORE_DAY = Path(demo.__path__[0]) / "store_day.ndjson"

_WWW_DATA = {
    "name": "www-data",
    "passwd": "x",
    "uid": 33,
    "gid": 33,
    "gecos": "www-data",
    "dir": "/var/www",
    "shell": "/usr/sbin/nologin",
}

# Patterns in the texts of a capture, and their replacements.
REPLACED = {
    re.compile(r"https?://(127\.0\.0\.1|localhost)(:\d+)?(?=/|$)"): "https://shop.example.com",
    re.compile(rf"^{re.escape(socket.gethostname())}$"): "web-1",
    re.compile(r"^(\\?)Testbed\\\w+\\"): r"\1Shop\\Jobs\\",
}


def placeless(value: Any) -> Any:
    """Return a JSON value without names that show where it was recorded."""
    match value:
        case {"passwd": _, "uid": _}:
            return _WWW_DATA
        case dict():
            return {name: placeless(part) for name, part in value.items()}
        case list():
            return [placeless(part) for part in value]
        case str():
            for pattern, name in REPLACED.items():
                value = pattern.sub(name, value)
    return value


def put(action: str, captures: list[Json], file: Path = STORE_DAY) -> None:
    """Insert the captures of an action into a store day, or replace the former ones."""
    days: dict[str, list[Json]] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        result = json.loads(line)
        days.setdefault(result["action"], []).append(result["capture"])
    days[action] = placeless(captures)
    with file.open("w", encoding="utf-8") as out:
        for name, taken in days.items():
            for capture in taken:
                result = {"action": name, "capture": capture}
                out.write(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n")


def outbox_after(database: Database, last: int) -> Iterator[tuple[int, Json]]:
    """Return the captures in the outbox after a row, with the ids of their rows."""
    connection = pymysql.connect(
        host=database.host,
        port=database.port,
        unix_socket=database.socket,
        user=database.user,
        password=database.password,
        database=database.name,
    )
    with closing(connection), connection.cursor() as cursor:
        table = database.table("eventbridge_outbox")
        cursor.execute(f"SELECT id, body FROM `{table}` WHERE id > %s ORDER BY id", (last,))
        for row, body in cursor:
            yield row, json.loads(body)


def main() -> int:
    """Run the command, record its captures; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", type=Path, metavar="MAGENTO_ROOT")
    parser.add_argument("action")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    database = database_of(read_deployment(asked.root, os.environ))
    last = max((row for row, _ in outbox_after(database, 0)), default=0)
    subprocess.run(asked.command, check=True)
    captures = [capture for _, capture in outbox_after(database, last)]
    put(asked.action, captures)
    print(f"{asked.action}: {len(captures)} captures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
