"""Row 21: the control socket and the home, tried by another user and by web pages."""

import http.client
import json
import shutil
import socket
import stat
import tempfile
from functools import partial
from pathlib import Path

import pytest

from bench.processes import Device
from cozysync.daemon.config import change
from cozysync.sync.home import Home
from cozysync.vault import DeviceKeys, RootKeys, create_vault, new_phrase
from tests.attacks.hostile import make_home
from tests.system.other_user import as_nobody, only_as_root

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def root():
    """A directory that everybody may enter: pytest's own are closed already."""
    root = Path(tempfile.mkdtemp(dir="/tmp"))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def ann(root):
    """A device at work, without a server, whose home was open to all when it started."""
    keys = DeviceKeys.generate()
    created = create_vault(RootKeys.from_phrase(new_phrase()), keys, "ann")
    home = make_home(root, "home-ann", keys, created, first=True)
    change(home.config_file, {"server": "http://127.0.0.1:9"})
    for directory in (home.root, home.log_dir):
        directory.chmod(0o755)
    ann = Device(root, "ann")
    ann.start()
    yield ann
    ann.stop()


def asked(path, method="GET", where="/v1/status", **headers):
    """Status and title of the answer at a socket."""
    line = http.client.HTTPConnection("daemon", timeout=30)
    line.sock = socket.socket(socket.AF_UNIX)
    try:
        line.sock.connect(str(path))
        line.putrequest(method, where, skip_host=True)
        for name, value in {"Host": "daemon", **headers}.items():
            line.putheader(name.replace("_", "-"), value)
        line.endheaders()
        answer = line.getresponse()
        return answer.status, json.loads(answer.read()).get("title")
    finally:
        line.close()


def test_a_home_that_was_open_is_closed(ann):
    for directory in (ann.home, ann.home / "logs"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(Home.at(ann.home).socket.stat().st_mode) == 0o600


@only_as_root
def test_another_user_reaches_nothing_in_the_home(ann):
    home = Home.at(ann.home)
    assert home.secrets_file.read_bytes()
    for path in (home.secrets_file, home.database, home.config_file, home.log_file):
        assert as_nobody(path.read_bytes) == "PermissionError"
    assert as_nobody(partial(asked, home.socket)) == "PermissionError"
    assert as_nobody(lambda: (ann.home / "new").write_text("x")) == "PermissionError"


@only_as_root
def test_another_user_is_refused_even_where_somebody_opened_the_socket(ann):
    socket = Home.at(ann.home).socket
    ann.home.chmod(0o755)
    socket.chmod(0o666)
    try:
        for method, where in (("GET", "/v1/status"), ("POST", "/v1/stop"), ("GET", "/")):
            told = as_nobody(partial(asked, socket, method, where))
            assert told == [403, "Stranger"], where
        assert asked(socket) == (200, None)
    finally:
        socket.chmod(0o600)
        ann.home.chmod(0o700)
    assert ann.status()["state"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:8017"},
        {"Host": "localhost"},
        {"Host": "daemon:80"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://daemon"},
        {"Referer": "https://evil.example/page"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
    ids=str,
)
def test_what_a_web_page_might_send_is_refused(ann, headers):
    socket = Home.at(ann.home).socket
    for method, where in (("GET", "/v1/status"), ("POST", "/v1/stop"), ("OPTIONS", "/v1/stop")):
        assert asked(socket, method, where, **headers) == (403, "FromElsewhere")
    assert ann.status()["state"]
