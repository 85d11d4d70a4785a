"""Remove or hash fields of a detail by path, before the event leaves."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_DIGEST = "hmac-sha256:"


@dataclass(frozen=True)
class Privacy:
    """Which fields of a store view's details are removed or hashed.

    A path is `billingAddress.street` or `tracking.ip`; within arrays it means each member.

    Attributes:
        key: the secret of the HMAC; required if anything is hashed.
    """

    remove: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    key: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.remove or self.hash)

    def apply(self, detail: dict[str, Any]) -> dict[str, Any]:
        """Return the detail without the removed fields, and with the hashed ones as hashes."""
        for path in self.remove:
            detail = _changed(detail, path.split("."), None)
        for path in self.hash:
            detail = _changed(detail, path.split("."), self._digest)
        return detail

    def of_capture(self, text: str) -> str:
        """Return a capture's JSON text without the fields, for those who only read it.

        Its snapshot has other names than the detail: `customer_email` is `customer.email`, and
        `context` is `tracking`. A text that is no capture is returned as it is.
        """
        if not self:
            return text
        try:
            capture = json.loads(text)
        except (ValueError, RecursionError):
            return text
        if not isinstance(capture, dict):
            return text
        for part, at in (("snapshot", ()), ("original", ()), ("context", ("tracking",))):
            if part in capture:
                capture[part] = self._without(capture[part], at)
        if isinstance(paths := capture.get("paths"), dict):
            capture["paths"] = {
                path: value
                for path, members in paths.items()
                for value in self._kept(members, _names(path))
            }
        return json.dumps(capture, ensure_ascii=False)

    def _without(self, value: Any, names: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [self._without(member, names) for member in value]
        if not isinstance(value, dict):
            return value
        return {
            name: kept
            for name, member in value.items()
            for kept in self._kept(member, (*names, _plain(name)))
        }

    def _kept(self, value: Any, names: tuple[str, ...]) -> list[Any]:
        """Return what is kept of a value: itself, its digest, or nothing."""
        known_as = {"".join(names[start:]) for start in range(len(names))}
        if any(_plain(path) in known_as for path in self.remove):
            return []
        if any(_plain(path) in known_as for path in self.hash):
            return [self._digest(value)]
        return [self._without(value, names)]

    def _digest(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, list):
            return [self._digest(member) for member in value]
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        return _DIGEST + hmac.new(self.key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _plain(name: str) -> str:
    """Return a name as the detail and the snapshot have it in common."""
    return name.replace("_", "").replace(".", "").replace("[]", "").lower()


def _names(path: str) -> tuple[str, ...]:
    return tuple(_plain(name) for name in path.split("."))


def _changed(value: Any, path: list[str], change: Callable[[Any], Any] | None) -> Any:
    """Return a copy in which the path is removed (no change given) or changed."""
    if isinstance(value, list):
        return [_changed(member, path, change) for member in value]
    name, *rest = path
    if not isinstance(value, dict) or name not in value:
        return value
    copy = dict(value)
    if rest:
        copy[name] = _changed(value[name], rest, change)
    elif change is None:
        del copy[name]
    else:
        copy[name] = change(value[name])
    return copy
