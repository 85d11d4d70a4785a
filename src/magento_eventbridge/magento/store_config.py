"""Read the section `aws_eventbridge` as Magento does: each store view's values and origins."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from magento_eventbridge.catalog import EVENTS
from magento_eventbridge.magento.env_php import Deployment
from magento_eventbridge.magento.php.values import PhpArray, check_known, section

SECTION = "aws_eventbridge"
BASE_URLS = ("web/unsecure/base_url", "web/secure/base_url")
PATHS = (f"{SECTION}/%", *BASE_URLS)
"""Which paths of `core_config_data` to read, as patterns of SQL's LIKE."""

_ENVIRONMENT_PREFIX = "CONFIG__"
_DEFAULTS = {
    f"{SECTION}/options/region": "us-east-1",
    f"{SECTION}/options/tracking": "1",
    **{event.config_path: "0" for event in EVENTS},
}
Scope = Literal["default", "websites", "stores"]


class StoreConfigError(ValueError):
    """A saved value that cannot be used; the message names it and its place, never a secret."""


@dataclass(frozen=True)
class ConfigRow:
    """A row of `core_config_data`."""

    scope: str
    scope_id: int
    path: str
    value: str | None = field(repr=False)


@dataclass(frozen=True)
class Website:
    """A row of `store_website`."""

    id: int
    code: str


@dataclass(frozen=True)
class StoreView:
    """A row of `store`."""

    id: int
    code: str
    website_id: int


@dataclass(frozen=True)
class StoreRows:
    """The rows of the store's database that determine its configuration."""

    config: Sequence[ConfigRow] = ()
    websites: Sequence[Website] = ()
    stores: Sequence[StoreView] = ()


@dataclass(frozen=True)
class StoreValue:
    """A saved value, and the name of its place."""

    text: str = field(repr=False)
    origin: str


@dataclass(frozen=True)
class StoreConfig:
    """Values by path: those of the default scope, and those in effect for each store view."""

    default: Mapping[str, StoreValue]
    stores: Mapping[int, Mapping[str, StoreValue]]


@dataclass(frozen=True)
class _Place:
    """A scope, by its ID (in the database) and code (in files and environment)."""

    scope: Scope
    id: int
    code: str

    @property
    def steps(self) -> tuple[str, ...]:
        return (self.scope, self.code) if self.code else (self.scope,)

    @property
    def variables(self) -> str:
        """The prefix of its CONFIG__ variables."""
        return _ENVIRONMENT_PREFIX + "__".join(self.steps).upper() + "__"

    @property
    def name(self) -> str:
        """Its name in an origin."""
        names: dict[Scope, str] = {
            "default": "default",
            "websites": f"website {self.id}",
            "stores": f"store view {self.id}",
        }
        return names[self.scope]


_DEFAULT_SCOPE = _Place("default", 0, "")
_ADMIN_WEBSITE = Website(0, "admin")
_ADMIN_STORE = StoreView(0, "admin", 0)


def read_store_config(
    deployment: Deployment, rows: StoreRows, environment: Mapping[str, str]
) -> StoreConfig:
    """Return each store view's values.

    As in Magento, sources are combined within a scope, then scopes: a website's value in the
    database overrides the default scope's value in `env.php`.

    Raises:
        PhpFileError: a value that counts is computed, or a constant.
    """
    websites = {_ADMIN_WEBSITE.id: _ADMIN_WEBSITE, **{site.id: site for site in rows.websites}}
    stores = {_ADMIN_STORE.id: _ADMIN_STORE, **{store.id: store for store in rows.stores}}
    sources = _ScopeSources(deployment, rows.config, environment)
    default = {
        **{path: StoreValue(text, "default of the module") for path, text in _DEFAULTS.items()},
        **sources.at(_DEFAULT_SCOPE),
    }
    of_website = {
        site.id: {**default, **sources.at(_Place("websites", site.id, site.code))}
        for site in websites.values()
    }
    return StoreConfig(
        default=default,
        stores={
            store.id: {
                **of_website.get(store.website_id, default),
                **sources.at(_Place("stores", store.id, store.code)),
            }
            for store in stores.values()
        },
    )


class _ScopeSources:
    """The places where a scope's values are saved; later ones override."""

    def __init__(
        self, deployment: Deployment, rows: Iterable[ConfigRow], environment: Mapping[str, str]
    ) -> None:
        self._files = {"config.php": deployment.config, "env.php": deployment.env}
        self._environment = environment
        self._rows: dict[tuple[str, int], list[ConfigRow]] = {}
        for row in rows:
            self._rows.setdefault((row.scope, row.scope_id), []).append(row)

    def at(self, place: _Place) -> dict[str, StoreValue]:
        """Return the values saved for a scope itself."""
        return {
            path: StoreValue(text, origin)
            for values in (self._database(place), self._in_files(place), self._variables(place))
            for path, text, origin in values
        }

    def _database(self, place: _Place) -> Iterator[tuple[str, str, str]]:
        for row in self._rows.get((place.scope, place.id), []):
            if _is_wanted(row.path):
                yield row.path, row.value or "", f"core_config_data, {place.name}"

    def _in_files(self, place: _Place) -> Iterator[tuple[str, str, str]]:
        for file, array in self._files.items():
            for path, value in _leaves(section(array, "system", *place.steps), ""):
                if _may_hold_wanted(path):
                    check_known(value)
                if _is_wanted(path):
                    yield path, _text(value), f"{file}, {place.name}"

    def _variables(self, place: _Place) -> Iterator[tuple[str, str, str]]:
        for path in BASE_URLS:
            variable = place.variables + path.upper().replace("/", "__")
            if variable in self._environment:
                yield path, self._environment[variable], variable
        prefix = f"{place.variables}{SECTION.upper()}__"
        for variable, text in sorted(self._environment.items()):
            if variable.startswith(prefix):
                name = variable.removeprefix(prefix).lower().replace("__", "/")
                yield f"{SECTION}/{name}", text, variable


def _is_wanted(path: str) -> bool:
    return path.startswith(f"{SECTION}/") or path in BASE_URLS


def _may_hold_wanted(path: str) -> bool:
    """Whether a group that cannot be read may contain a relevant value."""
    return _is_wanted(path) or any(
        wanted.startswith(f"{path}/") for wanted in (f"{SECTION}/", *BASE_URLS)
    )


def _leaves(array: PhpArray, at: str) -> Iterator[tuple[str, Any]]:
    for name, value in array.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{at}{name}/")
        else:
            yield f"{at}{name}", value


def _text(value: object) -> str:
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)
