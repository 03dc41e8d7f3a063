"""A phone and a device: the gateway in a real daemon, over a real server."""

import base64
import json
import os
from contextlib import closing, contextmanager

import httpx
import pytest

from cozysync.cli.client import DaemonError
from tests.system.world import World

TUS = {"tus-resumable": "1.0.0"}
pytestmark = pytest.mark.system


@contextmanager
def phone(gateway, added):
    made = json.loads(added.stdout)
    with httpx.Client(
        base_url=f"{gateway['url']}/dav/files/work/",
        auth=(made["name"], made["password"]),
        trust_env=False,
    ) as client:
        yield client


def begin_upload(client, gateway, path, data):
    named = base64.b64encode(path.encode()).decode()
    headers = TUS | {"upload-length": str(len(data)), "upload-metadata": f"path {named}"}
    answer = client.post(f"{gateway['url']}/api/v1/uploads", headers=headers)
    return f"{gateway['url']}{answer.headers['location']}"


def send(client, where, data, offset):
    kind = {"content-type": "application/offset+octet-stream", "upload-offset": str(offset)}
    answer = client.patch(where, headers=TUS | kind, content=data)
    assert answer.status_code == 204, answer.text
    return answer


def test_a_phone_meets_the_device_in_the_same_files(tmp_path):
    with closing(World(tmp_path, "ann")) as world:
        (ann,) = world.devices
        shared = ann.folder / "list.txt"
        shared.write_text("milk\nbread\neggs\n")
        world.bind()
        ann.settle()
        with pytest.raises(DaemonError, match="off"):
            ann.client.post("/v1/phones/add", {"name": "early"})
        gateway = json.loads(
            ann.run("gateway", "enable", "--listen", "127.0.0.1:0", "--json").stdout
        )
        assert gateway["listening"]
        with phone(gateway, ann.run("phone", "add", "anna", "--json")) as client:
            got = client.get("list.txt")
            assert got.text == "milk\nbread\neggs\n"
            shared.write_text("milk\nbread\neggs\ntea\n")
            ann.settle()
            stale = {"if-match": got.headers["etag"]}
            answer = client.put("list.txt", content="honey\n" + got.text, headers=stale)
            assert answer.status_code == 204
            assert "etag" not in answer.headers
            assert client.put("photo", content=bytes(3_000_000)).status_code == 201
            assert client.get("list.txt").text == "honey\nmilk\nbread\neggs\ntea\n"
            ann.settle()
            assert shared.read_text() == "honey\nmilk\nbread\neggs\ntea\n"
            assert (ann.folder / "photo").read_bytes() == bytes(3_000_000)
            seen = ann.status()["gateway"]["phones"]
            assert [each["name"] for each in seen if each["last_seen"] is not None] == ["anna"]

            whole = os.urandom(300_000)
            where = begin_upload(client, gateway, "/work/clip.mp4", whole)
            send(client, where, whole[:200_000], 0)

            # After kill -9 the phone is known still, where it was told to be.
            port = gateway["url"].rpartition(":")[2]
            ann.client.post("/v1/gateway", {"listen": f"127.0.0.1:{port}"})
            ann.kill()
            ann.start()
            ann.client.post("/v1/gateway", {"enabled": True})
            assert client.get("photo").content == bytes(3_000_000)
            assert not (ann.folder / "clip.mp4").exists()
            assert client.head(where, headers=TUS).headers["upload-offset"] == "200000"
            answer = send(client, where, whole[200_000:], 200_000)
            assert answer.headers["cozysync-outcome"] == "written"
            ann.settle()
            assert (ann.folder / "clip.mp4").read_bytes() == whole
            assert "<html" in httpx.get(f"{gateway['url']}/", trust_env=False).text
            ann.client.post("/v1/phones/revoke", {"name": "anna"})
            assert client.get("photo").status_code == 401
        ann.client.post("/v1/gateway", {"enabled": False})
        with pytest.raises(httpx.ConnectError):
            httpx.get(gateway["url"], trust_env=False)
        assert ann.status()["gateway"]["enabled"] is False
