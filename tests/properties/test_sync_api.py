"""The JSON interface keeps to its own description, whatever is sent."""

import json
import os
import tempfile
import warnings
from pathlib import Path

import pytest
import requests
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cozysync.gateway.app import Door
from cozysync.gateway.scope import Scope
from cozysync.gateway.sync_api import PREFIX, sync_door
from cozysync.gateway.sync_api.door import application
from cozysync.gateway.sync_api.messages import Entries, Status
from cozysync.gateway.sync_api.openapi import description
from cozysync.gateway.sync_api.operations import operations
from cozysync.gateway.sync_api.pictures import Pictures
from cozysync.gateway.sync_api.table import Given, Operation, answer
from cozysync.gateway.sync_api.uploads import TusUploads
from tests.suites.memory_view import MemoryView
from tests.suites.phones import HOST, GatewayInTest, put

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi import checks


@schemathesis.serializer("application/offset+octet-stream")
def as_bytes(context, value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


EXAMPLES = int(os.environ.get("COZYSYNC_TEST_FUZZ", "20")) // 4
PLACE = tempfile.TemporaryDirectory()
OPERATIONS = operations(TusUploads(Path(PLACE.name), Pictures()), Pictures())
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    schemathesis.checks.not_a_server_error,
]
SOME = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
KNOWN = ["/", "/Documents", "/Documents/a.txt", "/Documents/d", "/Documents/d/b", "/Documents/new"]


def schema_of(table):
    document = json.loads(json.dumps(description(table, PREFIX)))
    del document["security"]  # the password is right in these tests
    return schemathesis.openapi.from_dict(document)


class World:
    """A gateway over a small tree, reached from outside of its loop."""

    def __init__(self, home, app=None):
        staging = home / "staging"
        staging.mkdir()
        self.view = MemoryView(staging)
        self.gateway = GatewayInTest(
            self.view, [Door(PREFIX, app) if app else sync_door(staging)], home
        )
        self.password = self.gateway.book.add("fuzz", Scope())
        trio.run(self._fill)

    async def _fill(self):
        await self.view.make_directory("/Documents/d")
        await put(self.view, "/Documents/a.txt", b"0123456789")
        await put(self.view, "/Documents/d/b", b"b")

    def send(self, case):
        wanted = case.as_transport_kwargs(base_url=f"https://{HOST}{PREFIX}")
        wanted = {k: v for k, v in wanted.items() if k not in ("timeout", "verify", "cert")}
        prepared = requests.Request(**wanted).prepare()
        return trio.run(self._send, prepared)

    async def _send(self, prepared):
        async with self.gateway.client("fuzz", self.password) as client:
            headers = {
                name: value.encode("latin-1") if isinstance(value, str) else value
                for name, value in prepared.headers.items()
                if name.lower() not in ("host", "authorization")
            }
            request = client.build_request(
                prepared.method, prepared.url, headers=headers, content=prepared.body or b""
            )
            return await client.send(request)


def check(case, response, *more):
    case.validate_response(response, checks=[*CHECKS, *more])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_every_answer_is_as_it_is_described(operation, tmp_path):
    world = World(tmp_path)
    described = schema_of(OPERATIONS)[operation.path][operation.method]
    proper = described.as_strategy(generation_mode=GenerationMode.POSITIVE)
    wrong = described.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @SOME
    @given(proper, st.sampled_from(KNOWN), st.booleans())
    def properly(case, path, known):
        if known and "path" in (case.query or {}):
            case.query["path"] = path
        if "wait" in (case.query or {}):
            case.query["wait"] = 0
        check(case, world.send(case))

    @SOME
    @given(wrong)
    def wrongly(case):
        check(case, world.send(case), checks.negative_data_rejection)

    properly()
    if any(each.where == "query" for each in operation.parameters) or operation.path == "/batches":
        wrongly()


def test_an_answer_that_is_described_otherwise_is_found(tmp_path):
    async def lie(asked):
        return answer(Entries([]))

    table = [Operation("GET", "/status", "status", "Lies.", lie, {200: Given("It.", Status)})]
    world = World(tmp_path, application(table))
    case = schema_of(table)["/status"]["GET"].Case()
    with pytest.RaisesGroup(pytest.RaisesExc(checks.JsonSchemaError)):
        check(case, world.send(case))
