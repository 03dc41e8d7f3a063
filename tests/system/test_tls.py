"""Servers that speak TLS, and whoever would pass for them."""

import contextlib
import socket
import threading
import time
import tomllib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.processes import Server, begin_vault, pair
from tests.system.terminal import Terminal
from tests.system.test_recovery import new_vault, told
from tests.system.world import PATIENCE_S, Device, run, tree

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server") / "data", "--tls")
    server.start()
    yield server
    server.end()


def key_in(home):
    return tomllib.loads((home / "config.toml").read_text())["server_key"]


def key_of(server):
    return run(server.data, "server", "key", "--data", server.data).stdout.strip()


def until(holds):
    give_up = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def attention(device):
    return "\n".join(each["reason"] for each in device.status()["attention"])


def test_devices_know_the_server_by_its_key_and_tell_when_another_answers(tmp_path):
    server = Server(tmp_path / "data", "--tls")
    server.start()
    ann, bob = Device(tmp_path, "ann"), Device(tmp_path, "bob")
    try:
        assert server.url.startswith("https://")
        assert (server.data / "tls.pem").stat().st_mode & 0o777 == 0o600
        begin_vault(server, ann)
        pair(ann, bob)
        bob.start()
        for each in (ann, bob):
            assert key_in(each.home) == key_of(server)
            each.bind()
        (ann.folder / "secret").write_text("over tls")
        for each in (ann, bob):
            assert each.settle()["in_sync"]
        assert tree(bob.folder) == tree(ann.folder)

        server.end()
        (server.data / "tls.pem").rename(tmp_path / "kept.pem")
        server.start()
        until(lambda: "is not the server that this device knows" in attention(ann))
        assert ann.status()["state"] == "attention"
        shown = ann.run("status", check=False)
        assert shown.returncode == 3
        assert key_of(server) in shown.stdout
        assert "cozysync server key" in shown.stdout
        (ann.folder / "later").write_text("for the true server alone")
        server.end()
        (tmp_path / "kept.pem").rename(server.data / "tls.pem")
        server.start()
        for each in (ann, bob):
            assert each.settle()["in_sync"]
        assert attention(ann) == ""
        assert (bob.folder / "later").read_text() == "for the true server alone"
    finally:
        for each in (ann, bob):
            each.stop()
            each.kill()
        server.end()


def refused(home, *arguments, code, say):
    done = run(home, *arguments, check=False)
    assert (done.returncode, say in done.stderr) == (code, True), done
    assert "Traceback" not in done.stderr
    assert not (home / "secrets").exists()


def test_invitations_that_do_not_lead_to_the_server(tmp_path, server):
    home, code = tmp_path / "home", server.invite()
    bare, _, key = code.partition(".")
    init = ["init", "--server", server.url, "--invite"]
    refused(home, *init, bare, code=5, say="Nothing vouches for the key of the server")
    refused(home, *init, code[:-1], code=2, say="not whole")
    wrong = f"{bare}.{'A' * 42 + 'E'}"
    refused(home, *init, wrong, code=5, say="is not the server that this device knows")
    plain = server.url.replace("https", "http")
    refused(home, "init", "--server", plain, "--invite", code, code=2, say="without TLS")
    assert key == key_of(server)
    run(home, *init, code)  # none of these has used it up


def test_whoever_recovers_is_asked_about_the_key_or_names_it(tmp_path, server):
    phrase = new_vault(server, tmp_path / "ann")["phrase"]
    home = tmp_path / "home"
    recover = ["recover", "--server", server.url]
    wrong = told(home, phrase, *recover, "--server-key", "A" * 42 + "E")
    assert wrong.returncode == 5, wrong
    unasked = told(home, phrase, *recover)
    assert unasked.returncode == 2, unasked
    assert key_of(server) in unasked.stderr
    assert "--server-key" in unasked.stderr
    assert not (home / "secrets").exists()
    assert not key_in(home)
    person = Terminal(home, *recover)
    person.expect(key_of(server))
    person.expect("older state")
    person.expect("same key")
    person.type("y")
    person.expect("word 1")
    person.type(phrase)
    assert person.ended() == 0, person.shown
    assert key_in(home) == key_of(server)
    named = told(tmp_path / "named", phrase, *recover, "--server-key", key_of(server))
    assert named.returncode == 0, named.stderr
    assert "vouches" not in named.stderr


def authority(place):
    """An authority, and a certificate for 127.0.0.1 that it vouches for, as files."""

    def made(name, issuer, public, private, *, alone):
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=alone, path_length=None), critical=True)
        )
        if not alone:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (place / "root.pem").write_bytes(made("root", "root", root.public_key(), root, alone=True))
    (place / "leaf.pem").write_bytes(made("leaf", "root", leaf.public_key(), root, alone=False))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (place / "leaf.key").write_bytes(leaf.private_bytes(serialization.Encoding.PEM, *form))


def test_a_certificate_that_an_authority_vouches_for_needs_no_key(tmp_path, monkeypatch):
    authority(tmp_path)
    certificate = ["--certificate", tmp_path / "leaf.pem", "--key", tmp_path / "leaf.key"]
    server = Server(tmp_path / "data", *certificate)
    server.start()
    try:
        code = server.invite()
        assert "." not in code
        assert run(server.data, "server", "key", "--data", server.data, check=False).returncode == 1
        init = ["init", "--server", server.url, "--invite", code]
        refused(tmp_path / "home", *init, code=5, say="Nothing vouches")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
        run(tmp_path / "home", *init)
        elsewhere = server.url.replace("127.0.0.1", "localhost")  # not in the certificate
        init = ["init", "--server", elsewhere, "--invite", server.invite()]
        refused(tmp_path / "other", *init, code=5, say="Nothing vouches")
    finally:
        server.end()


def test_a_key_that_does_not_fit_starts_no_server(tmp_path):
    authority(tmp_path)
    run_server = ["server", "run", "--data", tmp_path / "data", "--listen", "127.0.0.1:0"]
    wrong = [*run_server, "--certificate", tmp_path / "root.pem", "--key", tmp_path / "leaf.key"]
    refused(tmp_path / "home", *wrong, code=2, say="does not open or fit")


class Tap:
    """Somebody on the line, who passes everything on and keeps a copy."""

    def __init__(self, host, port):
        self._there = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port = self._listener.getsockname()[1]
        self.seen = bytearray()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self):
        self._over.set()
        self._thread.join(30)
        self._listener.close()

    def _accept(self):
        pumps, ends = [], []
        while not self._over.is_set():
            try:
                near, _ = self._listener.accept()
            except TimeoutError:
                continue
            near.settimeout(30)
            far = socket.create_connection(self._there)
            ends += [near, far]
            for way in ((near, far), (far, near)):
                pumps.append(threading.Thread(target=self._pump, args=way))
                pumps[-1].start()
        for each in pumps:
            each.join(30)
        for each in ends:
            each.close()

    def _pump(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self.seen.extend(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def test_nothing_readable_goes_over_the_line(tmp_path, server):
    tap = Tap(*server.url.partition("://")[2].split(":"))
    try:
        url, code = f"https://127.0.0.1:{tap.port}", server.invite()
        run(tmp_path / "home", "init", "--server", url, "--invite", code)
    finally:
        tap.close()
    assert len(tap.seen) > 2000
    for text in (b"/v1/", b"HTTP/1.1", code.partition(".")[0].encode()):
        assert text not in tap.seen
