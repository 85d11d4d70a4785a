"""Remove or hash fields by path: in details before they leave, in captures that are kept."""

import hashlib
import hmac
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from magento_eventbridge.captures import Context, Redacted
from magento_eventbridge.catalog.capture_names import names_of, plain
from magento_eventbridge.catalog.declared import DeclaredField

_DIGEST = "hmac-sha256:"
# Deeper values are not looked through: Python calls itself for each level. No capture has so many.
_DEEPEST = 100

_Names = tuple[str, ...]


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
            detail = _changed(detail, path.split("."), self.digest)
        return detail

    def subject(self, subject: str | None, detail: Mapping[str, Any]) -> str | None:
        """Return the subject of an event, hashed or None if it names a private value of the detail.

        The subject of a failed login is `customer/jane@example.com`.
        """
        if subject is None:
            return None
        kind, _, of = subject.partition("/")
        if of in _texts_at(detail, self.remove):
            return None
        return f"{kind}/{self.digest(of)}" if of in _texts_at(detail, self.hash) else subject

    def of_capture(self, text: str, declared: Iterable[DeclaredField] = ()) -> str:
        """Return a capture's JSON text without the fields, for those who only read it.

        A text that is no capture is returned as it is.

        Args:
            declared: the shop's own fields, which have other names in captures.
        """
        if not self or (capture := _object(text)) is None:
            return text
        return json.dumps(_Cleaner(self, declared).clean(capture), ensure_ascii=False)

    def dead_letter(
        self,
        body: bytes,
        event: str | None = None,
        detail: str | None = None,
        declared: Iterable[DeclaredField] = (),
    ) -> bytes:
        """Return a capture as its dead letter keeps it: without the fields, still deliverable.

        It keeps the finished detail, which is sent when the letter is redriven. Without one (the
        capture could not be translated) the private values are replaced by empty ones of their
        types, and the fields will be missing in the event.

        Args:
            event: the documented or declared name of the event.
            detail: the JSON text of its detail, to which privacy was applied already.
        """
        if not self or (capture := _object(body)) is None:
            return body
        before = _redacted(capture)
        if detail is None:
            cleaner = _Cleaner(self, declared, keeps_shape=True)
            mark = Redacted(removed=_union(before.removed, self.remove, self.hash))
        else:
            cleaner = _Cleaner(self.after(before), declared)
            mark = Redacted(
                removed=_union(before.removed, self.remove),
                hashed=_union(before.hashed, self.hash),
                event=event,
                detail=msgspec.json.decode(detail),
            )
        capture = cleaner.clean(capture)
        if detail is not None or not _is_context(capture.get("context")):
            capture.pop("context", None)  # a finished detail has it as `tracking`
        capture["redacted"] = msgspec.to_builtins(mark)
        # In ASCII: a capture may have a surrogate alone, which UTF-8 has no bytes for.
        return json.dumps(capture).encode()

    def after(self, redacted: Redacted | None) -> "Privacy":
        """Return what is left to do with a capture that was a dead letter: never hash twice."""
        if redacted is None:
            return self
        return replace(
            self,
            remove=_union(redacted.removed, self.remove),
            hash=tuple(path for path in self.hash if path not in redacted.hashed),
        )

    def digest(self, value: Any) -> Any:
        """Return the digest of a value; of an array, that of each member."""
        if value is None:
            return None
        if isinstance(value, list):
            return [self.digest(member) for member in value]
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        digest = hmac.new(self.key.encode(), text.encode(errors="replace"), hashlib.sha256)
        return _DIGEST + digest.hexdigest()


class _Cleaner:
    """Takes private values out of one capture, by the names that their fields have in captures.

    Attributes:
        keeps_shape: a private value is replaced by an empty one of its type, never by a hash.
    """

    def __init__(
        self, privacy: Privacy, declared: Iterable[DeclaredField], *, keeps_shape: bool = False
    ) -> None:
        self._privacy = privacy
        self._keeps_shape = keeps_shape
        self._removed = _all_names(privacy.remove)
        self._hashed = _all_names(privacy.hash)
        self._removed_texts: set[str] = set()
        self._hashed_texts: set[str] = set()
        self._declared: dict[str, list[_Names]] = {}  # by their paths
        for own in declared:
            self._declared.setdefault(own.path, []).append((plain(own.name),))

    def clean(self, capture: dict[str, Any]) -> dict[str, Any]:
        """Return a capture without the private values."""
        for part, known_as in _PARTS.items():
            if part in capture:
                kept = self._kept(capture[part], [known_as])
                capture[part] = kept[0] if kept and isinstance(kept[0], dict) else {}
        if isinstance(paths := capture.get("paths"), dict):
            capture["paths"] = {
                path: value
                for path, members in paths.items()
                for value in self._kept(members, [_names(path), *self._declared.get(path, ())])
            }
        if isinstance(redacted := capture.get("redacted"), dict) and redacted.get("detail"):
            capture["redacted"] = {**redacted, "detail": self._privacy.apply(redacted["detail"])}
        return self._with_subject(capture)

    def _with_subject(self, capture: dict[str, Any]) -> dict[str, Any]:
        kind, _, of = str(capture.get("subject") or "").partition("/")
        if of in self._removed_texts:
            del capture["subject"]
        elif of in self._hashed_texts:
            capture["subject"] = f"{kind}/{self._privacy.digest(of)}"
        return capture

    def _without(self, value: Any, names: Sequence[_Names]) -> Any:
        if isinstance(value, list):
            return [self._without(member, names) for member in value]
        if not isinstance(value, dict):
            return value
        return {
            name: kept
            for name, member in value.items()
            for kept in self._kept(member, [(*above, plain(name)) for above in names])
        }

    def _kept(self, value: Any, names: Sequence[_Names]) -> list[Any]:
        """Return what is kept of a value: itself, its digest, an empty value, or nothing."""
        known_as = {"".join(of[start:]) for of in names for start in range(len(of))}
        is_removed = not known_as.isdisjoint(self._removed)
        if not is_removed and known_as.isdisjoint(self._hashed):
            return [self._without(value, names)]
        if is_removed or self._keeps_shape:
            self._removed_texts.update(_texts(value))
            return [_emptied(value)] if self._keeps_shape else []
        self._hashed_texts.update(_texts(value))
        return [self._privacy.digest(value)]


# The parts of a capture, and what details call them.
_PARTS: Mapping[str, _Names] = {
    "snapshot": (),
    "original": ("previous",),
    "context": ("tracking",),
}


def _all_names(paths: Iterable[str]) -> frozenset[str]:
    return frozenset[str]().union(*map(names_of, paths))


def _names(path: str) -> _Names:
    return tuple(plain(name) for name in path.split("."))


def _union(*paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for some in paths for path in some))


def _object(text: str | bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text, parse_int=_integer, parse_float=_fraction)
    except (ValueError, RecursionError):
        return None
    return _bounded(value, _DEEPEST) if isinstance(value, dict) else None


def _integer(text: str) -> int | str:
    """Return a number; Python reads none with very many digits, which stay a text."""
    try:
        return int(text)
    except ValueError:
        return text


def _fraction(text: str) -> float | str:
    """Return a number; JSON has no word for one that is too large, which stays a text."""
    number = float(text)
    return number if math.isfinite(number) else text


def _bounded(value: Any, levels: int) -> Any:
    """Return a value without what is nested deeper than so many levels."""
    match value:
        case dict():
            return {name: _bounded(of, levels - 1) for name, of in value.items()} if levels else {}
        case list():
            return [_bounded(of, levels - 1) for of in value] if levels else []
    return value


def _redacted(capture: Mapping[str, Any]) -> Redacted:
    try:
        return msgspec.convert(capture.get("redacted") or {}, Redacted)
    except (msgspec.ValidationError, UnicodeError):
        return Redacted()


def _is_context(value: Any) -> bool:
    """Return whether a capture can be read with this context; without one it can."""
    try:
        msgspec.convert(value, Context | None)
    except (msgspec.ValidationError, UnicodeError):
        return False
    return True


def _emptied(value: Any) -> Any:
    """Return a value of the same type that says nothing."""
    match value:
        case dict():
            return {name: _emptied(member) for name, member in value.items()}
        case list():
            return [_emptied(member) for member in value]
        case str():
            return "0" if _is_number(value) else ""
        case None | bool():
            return value
    return 0


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _texts(value: Any) -> Iterator[str]:
    """Iterate over the plain values in a value, as texts."""
    if isinstance(value, (dict, list)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member)
    elif value not in (None, "", True, False):
        yield str(value)


def _texts_at(detail: Mapping[str, Any], paths: Iterable[str]) -> set[str]:
    return {text for path in paths for text in _texts(list(_values_at(detail, path.split("."))))}


def _values_at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if not path:
        yield value
    elif isinstance(value, list):
        for member in value:
            yield from _values_at(member, path)
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values_at(value[path[0]], path[1:])


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
