"""The switches of the events in a store's configuration: which there are, and their values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.errors import BridgeError
from magento_eventbridge.magento.store_config import SECTION, StoreConfig, StoreValue
from magento_eventbridge.similar_names import did_you_mean

_EVENTS = f"{SECTION}/events_"
_OFF = ("", "0")


class SwitchError(BridgeError):
    """A name that stands for no event, or a store view that does not exist."""

    exit_status = 2


@dataclass(frozen=True)
class Switch:
    """One setting, and the detail-types that it switches on."""

    path: str
    detail_types: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its short name: `cart/product_added`."""
        return self.path.removeprefix(_EVENTS)

    @property
    def group(self) -> str:
        """Its group in the store's configuration: `cart`."""
        return self.name.partition("/")[0]

    @property
    def names(self) -> tuple[str, ...]:
        """All names that people may call it by, its group's included."""
        return (self.group, self.name, self.path, *self.detail_types)

    def value_in(self, values: Mapping[str, StoreValue]) -> bool:
        """Return whether it is on, given the values of a scope."""
        value = values.get(self.path)
        return value is not None and value.text not in _OFF


def switches() -> tuple[Switch, ...]:
    """Return all switches, in the order of the catalog."""
    types: dict[str, list[str]] = {}
    for event in EVENTS:
        types.setdefault(event.config_path, []).append(event.detail_type)
    return tuple(Switch(path, tuple(names)) for path, names in types.items())


def select(names: Iterable[str]) -> tuple[Switch, ...]:
    """Return the switches that are named: by group, by setting or by detail-type.

    Raises:
        SwitchError: a name stands for none.
    """
    chosen: dict[str, Switch] = {}
    for name in names:
        meant = [switch for switch in switches() if name in switch.names]
        if not meant:
            known = [each for switch in switches() for each in switch.names]
            groups = ", ".join(dict.fromkeys(switch.group for switch in switches()))
            hint = (
                f": name a group ({groups}), a detail-type, as OrderPlaced, or a setting, as "
                "order/placed"
            )
            raise SwitchError(f"'{name}' is no event{did_you_mean(name, known) or hint}")
        chosen.update((switch.path, switch) for switch in meant)
    return tuple(chosen.values())


@dataclass(frozen=True)
class Differing:
    """A place whose value differs from the one that was just saved."""

    switch: Switch
    place: str


def differing(
    config: StoreConfig, chosen: Iterable[Switch], on: bool, views: Iterable[int]
) -> list[Differing]:
    """Return where switches have another value, and from which place it comes."""
    found: dict[tuple[str, str], Differing] = {}
    for switch in chosen:
        for view in views:
            values = config.stores[view]
            if switch.value_in(values) != on:
                value = values.get(switch.path)
                place = value.origin if value else "Magento's default"
                found[switch.path, place] = Differing(switch, place)
    return list(found.values())
