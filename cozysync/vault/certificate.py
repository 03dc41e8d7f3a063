"""The key by which devices know a server: its certificate, made once, and its fingerprint.

A device that pins a server compares the SHA-256 of the public key, not of the certificate, so a
certificate may be renewed with the same key. Dates in it mean nothing: the pin says it all.
"""

import base64
import hashlib
import os
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

from cozysync.vault.errors import CozyError, ExitCode

FINGERPRINT = 32
"""Bytes of a fingerprint."""

# RFC 5280's date for «no end»; the beginning is before any clock that is merely wrong.
_BEGIN, _END = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_TEXT = 43
_MAX_FILE = 1024 * 1024


class BadCertificate(CozyError):
    """A file that should hold a certificate and does not."""

    exit_code = ExitCode.USAGE

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} holds no certificate that can be used: {why}.",
            "Give the certificate (with its chain) and its key in PEM, as --certificate and --key.",
        )


def own_certificate(path: Path) -> Path:
    """The file with a certificate and its private key, made when it is not there (0600).

    Raises `OSError` as the disk gives it.
    """
    if not path.exists():
        temporary = path.with_name(path.name + ".new")
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_new_certificate())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    return path


def read_certificate(path: Path) -> tuple[bytes, bool]:
    """The fingerprint of the first certificate in a PEM file, and whether it vouches for itself.

    Raises `BadCertificate`.
    """
    try:
        data = path.read_bytes()[:_MAX_FILE]
        with _without_warnings():
            first = x509.load_pem_x509_certificates(data)[0]
        found = fingerprint(first.public_bytes(serialization.Encoding.DER))
        return found, first.issuer == first.subject
    except OSError as error:
        raise BadCertificate(path, error.strerror or "it cannot be read") from error
    except (ValueError, x509.InvalidVersion) as error:
        raise BadCertificate(path, "it is no PEM with a certificate") from error


def check_key(certificate: Path, key: Path) -> None:
    """Raise `BadCertificate` unless this private key belongs to that certificate."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=b"")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise BadCertificate(certificate, f"the key {key} does not open or fit") from error


def fingerprint(certificate: bytes) -> bytes:
    """SHA-256 of the public key in a certificate (DER, both); raises `ValueError`."""
    try:
        with _without_warnings():
            public = x509.load_der_x509_certificate(certificate).public_key()
    except (UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise ValueError("a certificate or a key of an unknown kind") from error
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(public.public_bytes(serialization.Encoding.DER, form)).digest()


def show_fingerprint(data: bytes) -> str:
    """A fingerprint as it stands in invitations and in the configuration: 43 characters."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_fingerprint(text: str) -> bytes:
    """What `show_fingerprint` shows; raises `ValueError` saying what would be right."""
    try:
        data = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except ValueError:
        data = b""
    if len(text) != _TEXT or len(data) != FINGERPRINT or show_fingerprint(data) != text:
        raise ValueError(f"{_TEXT} letters, digits, - and _, as cozysync server key prints them")
    return data


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Odd certificates of others are no news to the person: only the key in them is compared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def _new_certificate() -> bytes:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cozysync")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_END)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("cozysync")]), critical=False)
        .sign(private, hashes.SHA256())
    )
    key = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return key + certificate.public_bytes(serialization.Encoding.PEM)
