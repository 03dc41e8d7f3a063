"""The certificate that the gateway makes for phones when the person has none of their own.

Phones are choosier than devices: the names must be in it, and it may last two years at most. So it
is renewed in time, with the same key.
"""

import ipaddress
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LASTS = timedelta(days=800)
"""iOS takes no more than 825 days."""

RENEWED = timedelta(days=60)
"""So long before its end."""

_MARGIN = timedelta(days=2)  # for phones whose clock is behind


def gateway_certificate(path: Path, names: Iterable[str], now_s: float) -> Path:
    """The file with a certificate for these names or addresses, and its key (0600).

    Made when it is not there or does not read, and renewed when names are missing or its end is
    near. Raises `OSError`.
    """
    wanted = sorted(set(names))
    now = datetime.fromtimestamp(now_s, UTC)
    key: ec.EllipticCurvePrivateKey | None = None
    with suppress(FileNotFoundError, ValueError, x509.ExtensionNotFound):
        data = path.read_bytes()
        found = serialization.load_pem_private_key(data, None)
        key = found if isinstance(found, ec.EllipticCurvePrivateKey) else None
        if _is_good(x509.load_pem_x509_certificate(data), wanted, now):
            return path
    _write(path, _certificate(key or ec.generate_private_key(ec.SECP256R1()), wanted, now))
    return path


def certificate_digest(path: Path) -> str:
    """The SHA-256 of the first certificate in a PEM file, as phones show it.

    Raises `OSError` or `ValueError`.
    """
    first = x509.load_pem_x509_certificates(path.read_bytes())[0]
    return first.fingerprint(hashes.SHA256()).hex(":").upper()


def _is_good(certificate: x509.Certificate, names: list[str], now: datetime) -> bool:
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    ends = certificate.not_valid_after_utc
    return (
        {_general(each) for each in names} == set(held)
        and certificate.not_valid_before_utc <= now
        and now + RENEWED < ends
    )


def _certificate(key: ec.EllipticCurvePrivateKey, names: list[str], now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cozysync gateway")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _MARGIN)
        .not_valid_after(now - _MARGIN + LASTS)
        .add_extension(
            x509.SubjectAlternativeName([_general(each) for each in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
