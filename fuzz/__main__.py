"""`make fuzz`: coverage-guided search for bytes that break a target's promise.

    python -m fuzz TARGET [SECONDS] [INPUT…]

Ends with a status other than 0, and leaves the bytes in build/fuzz/, if it finds some. With INPUT
it runs these files only. Needs atheris, which is in no extra, as few Pythons have it.
"""

import sys
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
BUILD = Path("build/fuzz")

_DICTIONARY = {
    "inlet_body": ['"id"', '"event"', '"time"', '"snapshot"', '"context"', '"store_id"', "null"],
    "env_php": ["<?php", "return", "array(", "getenv('", "=>", "??", "?:", "__DIR__", "<<<'A'"],
    "settings_file": ["[stores.1]", "[options]", "region = ", "[events.order]", "[[", "'''"],
}


def _dictionary(name: str) -> list[str]:
    """Return the option with a target's dictionary of keywords."""
    if name not in _DICTIONARY:
        return []
    file = BUILD / name / "words.txt"
    result = [word.replace("\\", "\\\\").replace('"', '\\"') for word in _DICTIONARY[name]]
    file.write_text("".join(f'"{word}"\n' for word in result))
    return [f"-dict={file}"]


def main() -> None:
    try:
        import atheris
    except ImportError:
        print(
            f"atheris is not installed, or not made for Python {sys.version.split()[0]}: "
            "nothing was fuzzed. Where there is a wheel: pip install atheris",
            file=sys.stderr,
        )
        sys.exit(2)
    name, seconds, *inputs = [*sys.argv[1:], "60"] if len(sys.argv) == 2 else sys.argv[1:]
    with atheris.instrument_imports(include=["magento_eventbridge", "tomllib", "json"]):
        from fuzz.targets import TARGETS
    if name not in TARGETS:
        print(f"there is no target '{name}'; there are {', '.join(TARGETS)}", file=sys.stderr)
        sys.exit(2)
    found, corpus = BUILD / name / "found", BUILD / name / "corpus"
    for folder in (found, corpus):
        folder.mkdir(parents=True, exist_ok=True)
    seeds = [str(folder) for folder in (CORPUS / name,) if folder.is_dir()]
    command = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-rss_limit_mb=1024",
        *_dictionary(name),
        f"-artifact_prefix={found}/",
        *(inputs or [str(corpus), *seeds]),
    ]
    atheris.Setup(command, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
