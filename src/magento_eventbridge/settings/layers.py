"""Merge layers of settings into the model; remember where each value came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from magento_eventbridge.settings.errors import SettingsError
from magento_eventbridge.settings.faults import describe
from magento_eventbridge.settings.model import Settings
from magento_eventbridge.settings.view import ViewSettings

CONNECTIONS = ("outbox", "amqp")
"""The groups of settings that say how to reach a server, and how to log in."""


@dataclass(frozen=True)
class Layer:
    """Settings from one source: its values by group, and the name of the source."""

    origin: str
    values: Mapping[str, Any] = field(repr=False)  # secrets among them


@dataclass(frozen=True)
class Origins:
    """Where each value came from, by its dotted name."""

    names: Mapping[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """Return the name of the source of a value."""
        name = name.replace("/", ".")  # events.order/placed is events.order.placed
        places = self._around(name)
        if not places and name.startswith("stores."):
            # What a store view does not set itself is what all of them have.
            places = self._around(name.split(".", 2)[-1])
        return ", ".join(dict.fromkeys(places)) or "default"

    def _around(self, name: str) -> list[str]:
        """Return the places of a value, of all in a group, or of what the name is a part of."""
        within = [
            place for other, place in self.names.items() if f"{other}.".startswith(f"{name}.")
        ]
        if within:
            return within
        while "." in name:
            name = name.rpartition(".")[0]
            if name in self.names:
                return [self.names[name]]
        return []


def with_connections(layers: Sequence[Layer], again: Sequence[Layer]) -> list[Layer]:
    """Return layers with the connections, and nothing else, of the same layers read again."""
    return [
        Layer(
            layer.origin,
            {name: value for name, value in layer.values.items() if name not in CONNECTIONS}
            | {name: newer.values[name] for name in CONNECTIONS if name in newer.values},
        )
        for layer, newer in zip(layers, again, strict=True)
    ]


def load(layers: list[Layer]) -> tuple[Settings, Origins]:
    """Merge layers into settings; later layers win, value by value.

    A store view begins with what all store views have, whichever layer that came from, and has
    its own values on top.

    Raises:
        SettingsError: with every fault and its origin.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        try:
            _merge(merged, layer.values, origins, layer.origin, "")
        except RecursionError:
            raise SettingsError(f"{layer.origin} is nested too deep") from None
    stores = merged.pop("stores", {})
    common = {name: merged[name] for name in ViewSettings.model_fields if name in merged}
    if isinstance(stores, Mapping):
        stores = {
            view_id: _overlaid(common, own) if isinstance(own, Mapping) else own
            for view_id, own in stores.items()
        }
    try:
        return Settings.model_validate({**merged, "stores": stores}), Origins(origins)
    except ValidationError as error:
        raise SettingsError("\n".join(_faults(error, Origins(origins)))) from None


def _value_and_group(name: str, origin: str, member: str, members_origin: str) -> SettingsError:
    return SettingsError(
        f"{name} cannot be a value and a group of settings: {origin} sets {name}, "
        f"{members_origin} sets {member}"
    )


def _merge(
    into: dict[str, Any], values: Mapping[str, Any], origins: dict[str, str], origin: str, at: str
) -> None:
    for name, value in values.items():
        if "/" in name:  # order/placed is placed in the group order
            group, _, member = name.partition("/")
            _merge(into, {group: {member: value}}, origins, origin, at)
            continue
        dotted = f"{at}{name}"
        former = into.get(name)
        if isinstance(value, Mapping):
            if former is not None and not isinstance(former, dict):
                member = ".".join((dotted, *list(value)[:1]))
                raise _value_and_group(dotted, origins[dotted], member, origin)
            _merge(into.setdefault(name, {}), value, origins, origin, f"{dotted}.")
        else:
            member = next((known for known in origins if known.startswith(f"{dotted}.")), "")
            if isinstance(former, dict) and member:
                raise _value_and_group(dotted, origin, member, origins[member])
            into[name] = value
            origins[dotted] = origin


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for name, value in above.items():
        under = result.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            result[name] = _overlaid(under, value)
        else:
            result[name] = value
    return result


def _faults(error: ValidationError, origins: Origins) -> list[str]:
    faults = []
    for fault in error.errors(include_url=False):
        name, message = describe(fault, Settings)
        faults.append(f"{name}: {message} (from {origins.of(name)})")
    return faults
