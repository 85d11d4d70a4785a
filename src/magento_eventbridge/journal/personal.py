"""Personal data in details and captures: kept, replaced by a hash, or left out."""

import hashlib
import hmac
from functools import lru_cache
from typing import Any, Literal

import msgspec

PersonalData = Literal["keep", "hash", "leave_out"]

# Names as captures and details have them, without case and underscores.
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
# Everything in these is of a person, their ids excepted.
_PERSONS = frozenset({"user"})

_PREFIX = "sha256:"


class Redaction:
    """Does with personal data what the settings say; with `keep` nothing."""

    def __init__(self, mode: PersonalData, key: bytes) -> None:
        self.mode = mode
        self._key = key
        # Cities, regions, clients come again and again.
        self.hash = lru_cache(maxsize=10_000)(self._hash)

    def _hash(self, value: str) -> str:
        """Give what stands for a value: the same for the same value, whatever its case."""
        digest = hmac.digest(self._key, value.strip().lower().encode(), hashlib.sha256)
        return _PREFIX + digest.hex()[:32]

    def of(self, text: str) -> str:
        """Give a JSON text as it may be kept; what is no JSON cannot be looked through."""
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
                name: self._clean(
                    member, is_personal=_is_personal(name) or (is_personal and name != "id")
                )
                for name, member in value.items()
            }
        if isinstance(value, list):
            return [self._clean(member, is_personal=is_personal) for member in value]
        if not is_personal or value is None or isinstance(value, bool):
            return value
        return self.hash(str(value)) if self.mode == "hash" else None


@lru_cache(maxsize=10_000)  # names are few; those that a hostile sender makes up are forgotten
def _is_personal(name: str) -> bool:
    plain = name.replace("_", "").lower()
    return plain in _PERSONAL or plain in _PERSONS
