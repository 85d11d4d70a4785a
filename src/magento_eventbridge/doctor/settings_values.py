"""Every setting with its value and origin, secrets hidden."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel, SecretStr

from magento_eventbridge.settings.layers import Origins


class SettingValue(NamedTuple):
    """A setting by its dotted name; a secret's value is hidden."""

    name: str
    value: str
    origin: str


def values_of(settings: BaseModel, origins: Origins, at: str = "") -> Iterator[SettingValue]:
    """Return all settings of a group and of its groups; `at` is its own name and a dot."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        dotted = f"{at}{name}"
        if isinstance(value, BaseModel):
            yield from values_of(value, origins, f"{dotted}.")
        elif isinstance(value, dict) and value:
            for key, member in value.items():
                if isinstance(member, BaseModel):
                    yield from values_of(member, origins, f"{dotted}.{key}.")
                else:
                    inner = f"{dotted}.{key}"
                    yield SettingValue(inner, _shown(member), origins.of(inner))
        else:
            yield SettingValue(dotted, _shown(value), origins.of(dotted))


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, tuple):
        return ", ".join(_shown(member) for member in value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, {}) else str(value)
