"""The key that a server is known by."""

import ssl

import pytest

from cozysync.vault import (
    BadCertificate,
    check_key,
    fingerprint,
    own_certificate,
    read_certificate,
    read_fingerprint,
    show_fingerprint,
)


def test_a_certificate_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = own_certificate(tmp_path / "tls.pem")
    assert path.stat().st_mode & 0o777 == 0o600
    made = path.read_bytes()
    assert own_certificate(path).read_bytes() == made
    assert own_certificate(tmp_path / "another").read_bytes() != made
    check_key(path, path)


def test_its_fingerprint_is_the_same_from_the_file_and_from_the_line(tmp_path):
    path = own_certificate(tmp_path / "tls.pem")
    found, vouches_for_itself = read_certificate(path)
    _, begin, rest = path.read_text().partition("-----BEGIN CERT")
    line = ssl.PEM_cert_to_DER_cert(begin + rest)
    assert vouches_for_itself
    assert fingerprint(line) == found


def test_a_half_written_file_is_not_taken_for_one(tmp_path):
    (tmp_path / "tls.pem.new").write_bytes(b"half")
    read_certificate(own_certificate(tmp_path / "tls.pem"))


@pytest.mark.parametrize("text", [b"", b"no pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_files_that_hold_no_certificate_are_named(tmp_path, text):
    path = tmp_path / "cert.pem"
    path.write_bytes(text)
    with pytest.raises(BadCertificate, match=r"cert\.pem"):
        read_certificate(path)
    with pytest.raises(BadCertificate, match=r"absent"):
        read_certificate(tmp_path / "absent")


def test_a_key_of_another_certificate_is_refused(tmp_path):
    one, other = own_certificate(tmp_path / "one"), own_certificate(tmp_path / "other")
    with pytest.raises(BadCertificate, match="does not open or fit"):
        check_key(one, other)


def test_a_fingerprint_is_read_back_and_nothing_else_is():
    data = bytes(range(32))
    shown = show_fingerprint(data)
    assert len(shown) == 43
    assert read_fingerprint(shown) == data
    for wrong in ("", shown[:-1], shown + "A", shown[:-1] + "!", shown[:-1] + "9"):
        with pytest.raises(ValueError):
            read_fingerprint(wrong)
