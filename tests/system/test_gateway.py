"""A phone and a device: the gateway in a real daemon, over a real server."""

import json
from contextlib import closing, contextmanager

import httpx
import pytest

from cozysync.cli.client import DaemonError
from tests.system.world import World

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

            # After kill -9 the phone is known still, where it was told to be.
            port = gateway["url"].rpartition(":")[2]
            ann.client.post("/v1/gateway", {"listen": f"127.0.0.1:{port}"})
            ann.kill()
            ann.start()
            ann.client.post("/v1/gateway", {"enabled": True})
            assert client.get("photo").content == bytes(3_000_000)
            ann.client.post("/v1/phones/revoke", {"name": "anna"})
            assert client.get("photo").status_code == 401
        ann.client.post("/v1/gateway", {"enabled": False})
        with pytest.raises(httpx.ConnectError):
            httpx.get(gateway["url"], trust_env=False)
        assert ann.status()["gateway"]["enabled"] is False
