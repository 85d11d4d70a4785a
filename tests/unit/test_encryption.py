"""Values that Magento encrypted: decrypted with the store's keys, or reported unseen."""

import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from magento_eventbridge.magento.encryption import CryptKeys, DecryptionError, is_encrypted

RECORDED = json.loads(
    (Path(__file__).parents[1] / "fixtures/magento/encrypted-values.json").read_text("utf-8")
)
OLD_KEY = "0123456789abcdef0123456789abcdef"
RAW_KEY = bytes(range(32))
NEW_KEY = "base64" + base64.b64encode(RAW_KEY).decode()
SECRET = "hunter2-hunter2"


def encrypted(text: str | bytes, key: bytes, index: int = 0) -> str:
    nonce = os.urandom(12)
    plain = text if isinstance(text, bytes) else text.encode()
    sealed = nonce + ChaCha20Poly1305(key).encrypt(nonce, plain, nonce)
    return f"{index}:3:{base64.b64encode(sealed).decode()}"


def fault(keys: CryptKeys, value: str) -> str:
    with pytest.raises(DecryptionError) as caught:
        keys.reveal(value)
    assert value not in str(caught.value)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("value", RECORDED["values"], ids=lambda value: value["plaintext"])
def test_what_a_real_store_encrypted_is_opened(value):
    assert is_encrypted(value["encrypted"])
    assert CryptKeys.of(RECORDED["crypt_key"]).reveal(value["encrypted"]) == value["plaintext"]


@given(st.text())
def test_every_text_comes_back(text):
    keys = CryptKeys.of(f" {OLD_KEY}\n{NEW_KEY}\n")
    assert keys.reveal(encrypted(text, OLD_KEY.encode(), 0)) == text
    assert keys.reveal(encrypted(text, RAW_KEY, 1)) == text


@pytest.mark.parametrize(
    "plain",
    [
        "",
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "example-not-a-secret",
        "arn:aws:iam::123456789012:role/shop",
        "0:3:not base64",
        "12345:3:AAAA",
        "0:3:",
        ":::",
    ],
)
def test_plain_text_stays_as_it_is(plain):
    assert not is_encrypted(plain)
    assert CryptKeys().reveal(plain) == plain


@pytest.mark.parametrize(
    "value",
    ["0:2:0123456789abcdef0123456789abcdef:QUJD", "0:2:QUJD", "0:1:QUJD", "0:0:QUJD", "1:QUJD"],
)
def test_ciphers_of_the_mcrypt_era_are_refused(value):
    message = fault(CryptKeys.of(OLD_KEY), value)
    assert message.startswith("encrypted with mcrypt (cipher ")
    assert "enter the value again in the store's admin" in message


def test_a_cipher_of_the_future_is_refused():
    message = fault(CryptKeys.of(OLD_KEY), "0:4:QUJD")
    assert message.startswith("encrypted with cipher 4, which is unknown")


def test_another_stores_value_is_refused():
    message = fault(CryptKeys.of(OLD_KEY), encrypted(SECRET, RAW_KEY))
    assert message.startswith("encrypted, but not with key 0 in crypt/key of env.php")


def test_a_key_that_is_gone_is_reported():
    message = fault(CryptKeys.of(OLD_KEY), encrypted(SECRET, RAW_KEY, 1))
    assert message.startswith("encrypted with key 1 (the first is 0), but env.php does not have")


@pytest.mark.parametrize("key", [SECRET, "base64" + "A" * 8, "base64!", "base64A", "ü" * 17])
def test_a_key_that_is_none_is_reported(key):
    message = fault(CryptKeys.of(key), encrypted(SECRET, RAW_KEY))
    assert message == "key 0 in crypt/key of env.php is not one of 32 bytes"


def test_what_is_damaged_is_reported():
    keys = CryptKeys.of(NEW_KEY)
    whole = encrypted(SECRET, RAW_KEY)
    assert "damaged" in fault(keys, "0:3:QUJDR")
    assert "cut short" in fault(keys, "0:3:QUJD")
    assert "damaged" in fault(keys, encrypted(b"\xff", RAW_KEY))
    assert "not with key 0" in fault(
        keys, whole[:8] + ("A" if whole[8] != "A" else "B") + whole[9:]
    )


def test_keys_are_not_shown():
    assert OLD_KEY not in repr(CryptKeys.of(OLD_KEY))
