"""Keep, hash or leave out the personal data in details and captures."""

import hashlib
import hmac
import re
from functools import lru_cache
from typing import Any, Literal

import msgspec

PersonalData = Literal["keep", "hash", "leave_out"]

# Field names of captures and details, in lower case and without underscores.
_PERSONAL = frozenset(
    {
        "city",
        "comment",
        "company",
        "customerdob",
        "customeremail",
        "customerfirstname",
        "customergender",
        "customerlastname",
        "customermiddlename",
        "customertaxvat",
        "dob",
        "email",
        "fax",
        "firstname",
        "gecos",
        "gender",
        "ip",
        "lastname",
        "middlename",
        "postcode",
        "prefix",
        "region",
        "remoteip",
        "street",
        "subscriberconfirmcode",
        "subscriberemail",
        "suffix",
        "taxvat",
        "telephone",
        "unsubscriptionlink",
        "useragent",
        "username",
        "vatid",
        "xforwardedfor",
    }
)
# Everything in these objects is personal, except their ids.
_PERSONS = frozenset({"user"})

_PREFIX = "sha256:"
_ADDRESS = re.compile(r"[^\s/@<>\"',;:]+@[^\s/@<>\"',;:]+")


class Redaction:
    """Treats personal data as the settings say; `keep` changes nothing."""

    def __init__(self, mode: PersonalData, key: bytes) -> None:
        self.mode = mode
        self._key = key
        # Cities, regions and clients repeat.
        self.hash = lru_cache(maxsize=10_000)(self._hash)

    def _hash(self, value: str) -> str:
        """Return the hash of a value, which ignores its case."""
        digest = hmac.digest(self._key, value.strip().lower().encode(), hashlib.sha256)
        return _PREFIX + digest.hex()[:32]

    def subject(self, subject: str | None) -> str | None:
        """Return a subject as it may be kept: some contain admin names or e-mail addresses."""
        if self.mode == "keep" or subject is None:
            return subject
        kind, _, of = subject.partition("/")
        return (
            f"{kind}/{self._instead(of) or ''}"
            if kind == "user"
            else self._without_addresses(subject)
        )

    def of(self, text: str) -> str:
        """Return a JSON text as it may be kept; a text that is not JSON is left out."""
        if self.mode == "keep":
            return text
        try:
            value = msgspec.json.decode(text)
            return msgspec.json.encode(self._clean(value, is_personal=False)).decode()
        except (msgspec.DecodeError, RecursionError):
            return ""

    def _clean(self, value: Any, *, is_personal: bool) -> Any:
        if isinstance(value, dict):
            return {
                name: self.subject(member)
                if name == "subject" and isinstance(member, str)
                else self._clean(
                    member, is_personal=_is_personal(name) or (is_personal and name != "id")
                )
                for name, member in value.items()
            }
        if isinstance(value, list):
            return [self._clean(member, is_personal=is_personal) for member in value]
        if value is None or isinstance(value, bool):
            return value
        if is_personal:
            return self._instead(str(value))
        return self._without_addresses(value) if isinstance(value, str) else value

    def _instead(self, value: str) -> str | None:
        return self.hash(value) if self.mode == "hash" else None

    def _without_addresses(self, text: str) -> str:
        """Replace e-mail addresses anywhere in a text."""
        if "@" not in text:
            return text
        return _ADDRESS.sub(lambda found: self._instead(found[0]) or "", text)


@lru_cache(maxsize=10_000)  # names are few; the bound protects against made-up ones
def _is_personal(name: str) -> bool:
    plain = name.replace("_", "").lower()
    return plain in _PERSONAL or plain in _PERSONS
