"""PHP's print_r for decoded JSON, the form in which shops' logs show an event's data."""

from pydantic import JsonValue

from magento_eventbridge.visible_text import visible


def print_r(value: JsonValue) -> str:
    """Format a value as in the logs of the original module: `print_r` without its blank lines.

    Control characters in names and values are escaped: they cannot forge log lines.
    """
    return _print(value, "")


def _print(value: JsonValue, indent: str) -> str:
    match value:
        case dict():
            return _print_array([(key, member) for key, member in value.items()], indent)
        case list():
            return _print_array(
                [(str(index), member) for index, member in enumerate(value)], indent
            )
        case None | False:
            return ""
        case True:
            return "1"
        case _:
            return visible(str(value))


def _print_array(members: list[tuple[str, JsonValue]], indent: str) -> str:
    inner = indent + " " * 8
    lines = [
        f"{indent}    [{visible(key)}] => {_print(member, inner).rstrip()}\n"
        for key, member in members
    ]
    return f"Array\n{indent}(\n{''.join(lines)}{indent})\n"
