"""Decrypt the values that Magento saves encrypted, with the keys in the store's `env.php`."""

import base64
import binascii
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_ENCODED_KEY = "base64"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_SODIUM = 3

# key:cipher:data, and with former ciphers also cipher:data and key:2:vector:data.
_ENCRYPTED = re.compile(
    r"(?:(?P<key>\d{1,4}):)?(?P<cipher>\d):(?:[^:]{32}:)?(?P<data>[A-Za-z0-9+/]+={0,2})"
)

_SAVE_AGAIN = (
    "enter the value again in the store's admin, which encrypts it again, or set it in the bridge's"
    " own settings"
)


class DecryptionError(ValueError):
    """A value that cannot be decrypted; the message says why and what to do, never the value."""


def is_encrypted(value: str) -> bool:
    """Return whether a value has the form of an encrypted one; AWS keys have no colons."""
    return _ENCRYPTED.fullmatch(value) is not None


@dataclass(frozen=True)
class CryptKeys:
    """The store's keys, the oldest first; an encrypted value names its key by number.

    `absent` says why there are none, when they cannot be read.
    """

    keys: tuple[str, ...] = field(default=(), repr=False)
    absent: str = ""

    @classmethod
    def of(cls, crypt_key: str) -> "CryptKeys":
        """Read `crypt/key` of `env.php`: one key a line."""
        return cls(tuple(crypt_key.split()))

    def reveal(self, value: str) -> str:
        """Return a value in plain text; one that was saved in plain text stays as it is.

        Raises:
            DecryptionError: it is encrypted, and cannot be decrypted.
        """
        form = _ENCRYPTED.fullmatch(value)
        if form is None:
            return value
        cipher, index = int(form["cipher"]), form["key"]
        if cipher < _SODIUM or index is None:
            raise DecryptionError(
                f"encrypted with mcrypt (cipher {cipher}), which Magento gave up in 2.3: "
                + _SAVE_AGAIN
            )
        if cipher > _SODIUM:
            raise DecryptionError(
                f"encrypted with cipher {cipher}, which is unknown: {_SAVE_AGAIN}"
            )
        return _open(form["data"], self._key(int(index)), int(index))

    def _key(self, index: int) -> bytes:
        if self.absent:
            raise DecryptionError(f"encrypted, and the key cannot be read: {self.absent}")
        if index >= len(self.keys):
            raise DecryptionError(
                f"encrypted with key {index} (the first is 0), but env.php does not have that one"
                f" under crypt/key: restore it, or {_SAVE_AGAIN}"
            )
        key = self.keys[index]
        if key.startswith(_ENCODED_KEY):
            try:
                raw = base64.b64decode(key.removeprefix(_ENCODED_KEY), validate=True)
            except binascii.Error:
                raw = b""
        else:
            raw = key.encode()
        if len(raw) != _KEY_BYTES:
            raise DecryptionError(f"key {index} in crypt/key of env.php is not one of 32 bytes")
        return raw


def _open(data: str, key: bytes, index: int) -> str:
    try:
        sealed = base64.b64decode(data, validate=True)
        if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
            raise DecryptionError(f"encrypted, but cut short: {_SAVE_AGAIN}")
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return ChaCha20Poly1305(key).decrypt(nonce, ciphertext, nonce).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise DecryptionError(f"encrypted, but damaged: {_SAVE_AGAIN}") from None
    except InvalidTag:
        raise DecryptionError(
            f"encrypted, but not with key {index} in crypt/key of env.php, as after moving a"
            f" database from another store: {_SAVE_AGAIN}"
        ) from None
