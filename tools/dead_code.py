"""`make lint`: dead code, found by vulture: names that only tests use."""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from vulture import Vulture
from vulture.core import Item

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/magento_eventbridge"
SCANNED = [PACKAGE, *(ROOT / name for name in ("tools", "benchmarks", "fuzz"))]

# Their fields are the format of events and settings, for consumers and operators.
FORMATS = [PACKAGE / "events", PACKAGE / "settings"]

# Called or read by a library, or written for users' code.
ALLOWED = {
    "_get_flags": "pamqp.header.ContentHeader",
    "all_commands": "the tests of documentation list the commands by it",
    "answer_next": "magento_eventbridge.testing: for users",
    "asctime": "logging.LogRecord",
    "collect": "prometheus_client calls it",
    "connection_lost": "asyncio.Protocol",
    "converter": "logging.Formatter",
    "data_received": "asyncio.Protocol",
    "decoders": "pymysql.Connection",
    "compress_type": "zipfile.ZipInfo",
    "event_bus_name": "msgspec encodes it",
    "exc_text": "logging.LogRecord",
    "external_attr": "zipfile.ZipInfo",
    "globals": "jinja2.Environment",
    "levelname": "logging.LogRecord",
    "list_commands": "typer calls it",
    "mtime": "tarfile.TarInfo",
    "on_body": "httptools calls it",
    "on_header": "httptools calls it",
    "on_headers_complete": "httptools calls it",
    "on_message_begin": "httptools calls it",
    "on_message_complete": "httptools calls it",
    "SpanProcessor": "named in an annotation that is text",
}
IGNORED_DECORATORS = ["@*.command*", "@*.callback*", "@*validator*", "@*serializer*", "@*.get*"]


def scan(paths: Sequence[Path] = SCANNED) -> list[Item]:
    """Return the names that nothing uses, those that are allowed included."""
    found = Vulture(ignore_names=["model_config"], ignore_decorators=IGNORED_DECORATORS)
    found.scavenge([str(path) for path in paths])
    for template in PACKAGE.rglob("*.html"):
        found.used_names.update(re.findall(r"\w+", template.read_text()))
    # Enum members are also accessed by their values.
    reasons = (PACKAGE / "delivery/reasons.py").read_text()
    found.used_names.update(re.findall(r"^    ([A-Z_]+) = ", reasons, re.MULTILINE))
    return [
        item
        for item in found.get_unused_code(min_confidence=60)
        if not any(Path(item.filename).is_relative_to(folder) for folder in FORMATS)
    ]


def unused(items: Iterable[Item]) -> list[str]:
    """Return a line for each name of a scan that is not allowed to be unused."""
    return [
        item.get_report().removeprefix(f"{ROOT}/") for item in items if item.name not in ALLOWED
    ]


def main() -> int:
    """Print unused names; return whether there are any."""
    lines = unused(scan())
    for line in lines:
        print(f"{line}: delete it, or explain it in tools/dead_code.py")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
