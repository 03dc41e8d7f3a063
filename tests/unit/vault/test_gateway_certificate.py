"""The certificate that phones meet."""

import ssl
import stat

import pytest
from cryptography import x509

from cozysync.vault import certificate_digest, check_key, gateway_certificate
from cozysync.vault.gateway_certificate import LASTS, RENEWED

NOW = 1.7e9
DAY = 86_400


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gateway" / "certificate.pem"


def key_in(path):
    return x509.load_pem_x509_certificate(path.read_bytes()).public_key().public_numbers()


def test_it_is_made_once_and_is_its_owners(path):
    gateway_certificate(path, ["host", "192.0.2.1"], NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    check_key(path, path)
    before = path.read_bytes()
    gateway_certificate(path, ["192.0.2.1", "host", "host"], NOW + 30 * DAY)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["certificate.pem"]


def test_it_holds_the_names_and_lasts_as_long_as_phones_allow(path):
    gateway_certificate(path, ["host.local", "192.0.2.1", "2001:db8::1"], NOW)
    found = x509.load_pem_x509_certificate(path.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["host.local"]
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {
        "192.0.2.1", "2001:db8::1",
    }  # fmt: skip
    lasts = found.not_valid_after_utc - found.not_valid_before_utc
    assert lasts.days <= 825
    ssl.create_default_context(cafile=path)


def test_it_is_renewed_with_the_same_key(path):
    gateway_certificate(path, ["host"], NOW)
    key, digest = key_in(path), certificate_digest(path)
    gateway_certificate(path, ["host"], NOW + (LASTS - RENEWED).total_seconds() + DAY)
    assert certificate_digest(path) != digest
    digest = certificate_digest(path)
    gateway_certificate(path, ["host", "other"], NOW)
    assert certificate_digest(path) != digest
    assert key_in(path) == key


@pytest.mark.parametrize("data", [b"", b"\xff" * 99, b"-----BEGIN PRIVATE KEY-----\n"])
def test_one_that_does_not_read_is_made_anew(path, data):
    path.parent.mkdir()
    path.write_bytes(data)
    gateway_certificate(path, ["host"], NOW)
    check_key(path, path)
