"""The context of an encrypted connection."""

import ssl

import pytest
import trustme

from magento_eventbridge.tls import TlsOptions, tls_context


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(file)
    return file


def test_nothing_is_encrypted_by_default():
    assert tls_context(TlsOptions()) is None
    assert tls_context(TlsOptions(verify=False, ciphers="HIGH")) is None


def test_a_ca_implies_tls(ca):
    for options in (TlsOptions(ca=ca), TlsOptions(ca_folder=ca.parent)):
        context = tls_context(options)
        assert context
        assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


def test_checks_can_be_switched_off():
    without_host = tls_context(TlsOptions(enabled=True, verify_host=False))
    assert without_host
    assert (without_host.check_hostname, without_host.verify_mode) == (False, ssl.CERT_REQUIRED)
    unchecked = tls_context(TlsOptions(enabled=True, verify=False))
    assert unchecked
    assert (unchecked.check_hostname, unchecked.verify_mode) == (False, ssl.CERT_NONE)


def test_certificate_and_ciphers_are_used(tmp_path):
    chain = tmp_path / "own.pem"
    trustme.CA().issue_cert("client").private_key_and_cert_chain_pem.write_to_path(chain)
    context = tls_context(TlsOptions(certificate=chain, ciphers="ECDHE-RSA-AES256-GCM-SHA384"))
    assert context
    names = {cipher["name"] for cipher in context.get_ciphers() if "TLS_" not in cipher["name"]}
    assert names == {"ECDHE-RSA-AES256-GCM-SHA384"}


def test_what_cannot_be_used_is_named(ca, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.touch()
    missing = tmp_path / "missing.pem"
    for options, message in (
        (TlsOptions(ca=missing), f"{missing}: No such file"),
        (TlsOptions(ca=empty), f"{empty}: "),
        (TlsOptions(certificate=ca, key=missing), f"{ca}, {missing}: No such file"),
        (TlsOptions(enabled=True, ciphers="NONE-SUCH"), r"NONE-SUCH: .*[Nn]o cipher"),
    ):
        with pytest.raises(OSError, match=message) as caught:
            tls_context(options)
        assert caught.value.strerror is None  # which would stand without the name
