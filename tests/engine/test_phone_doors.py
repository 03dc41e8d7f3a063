"""The doors over a real engine: a phone, the gateway's device, and another device, in one vault."""

from contextlib import asynccontextmanager

from cozysync.gateway.engine_view import view_of
from cozysync.gateway.files import files_door
from cozysync.gateway.files.door import FILES
from cozysync.gateway.items import ITEMS, Homes, items_door
from tests.suites.fleet import fleet
from tests.suites.phones import GatewayInTest

BOOK = f"{ITEMS}/anna/book"
VCF = {"content-type": "text/vcard"}


def card(telephone, email):
    return (
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ada\r\nFN:Ada\r\nN:Ada;;;;\r\n"
        f"TEL:{telephone}\r\nEMAIL:{email}\r\nEND:VCARD\r\n"
    )


@asynccontextmanager
async def vault(root):
    """Two devices, and a phone at the gateway of the first; the folder «work» holds contacts."""
    async with fleet(root, "ann", "bob") as people, view_of(people.members[0].engine) as view:
        await people.settle()
        doors = [files_door(), items_door(Homes(contacts="work"))]
        gateway = GatewayInTest(view, doors, root)
        async with gateway.phone() as phone:
            yield people, view, phone


async def test_a_contact_that_phone_and_desktop_changed_is_merged_everywhere(tmp_path):
    async with vault(tmp_path) as (people, view, phone):
        _ann, bob = people.members
        bob.hands.mkdir("book")
        await people.settle()
        made = await phone.put(f"{BOOK}/ada.vcf", content=card("1", "a@x"), headers=VCF)
        assert made.status_code == 201
        assert await people.settle() == {"book/ada.vcf": card("1", "a@x")}
        bob.hands.write("book/ada.vcf", card("2", "a@x"))
        await people.settle()
        stale = VCF | {"if-match": made.headers["etag"]}
        answer = await phone.put(f"{BOOK}/ada.vcf", content=card("1", "b@x"), headers=stale)
        assert answer.status_code == 204
        assert "etag" not in answer.headers
        assert await people.settle() == {"book/ada.vcf": card("2", "b@x")}
        assert (await phone.get(f"{BOOK}/ada.vcf")).text == card("2", "b@x")
        assert await view.conflicts() == 0


async def test_a_phone_works_while_the_server_is_away(tmp_path):
    async with vault(tmp_path) as (people, _view, phone):
        ann, bob = people.members
        url = f"{FILES}/work"
        ann.remote.unplug()
        made = await phone.put(f"{url}/f.txt", content="one\ntwo\nthree\n")
        assert made.status_code == 201
        assert (await phone.get(f"{url}/f.txt")).text == "one\ntwo\nthree\n"
        assert (await phone.request("MKCOL", f"{url}/d")).status_code == 201
        to = {"destination": f"{url}/d/g.txt"}
        assert (await phone.request("MOVE", f"{url}/f.txt", headers=to)).status_code == 201
        ann.remote.plug()
        assert await people.settle() == {"d/g.txt": "one\ntwo\nthree\n"}
        bob.hands.write("d/g.txt", "one\ntwo\nthree\nfour\n")
        await people.settle()
        stale = {"if-match": made.headers["etag"]}
        answer = await phone.put(f"{url}/d/g.txt", content="zero\none\ntwo\nthree\n", headers=stale)
        assert (answer.status_code, "etag" in answer.headers) == (204, False)
        assert await people.settle() == {"d/g.txt": "zero\none\ntwo\nthree\nfour\n"}


async def test_what_cannot_be_merged_is_in_the_inbox(tmp_path):
    async with vault(tmp_path) as (people, view, phone):
        _ann, bob = people.members
        url = f"{FILES}/work/f.bin"
        made = await phone.put(url, content=b"\0base")
        await people.settle()
        bob.hands.write("f.bin", "\0desk")
        await people.settle()
        answer = await phone.put(
            url, content=b"\0phone", headers={"if-match": made.headers["etag"]}
        )
        assert (answer.status_code, "etag" in answer.headers) == (204, False)
        tree = await people.settle()
        assert set(tree.values()) == {"\0desk", "\0phone"}
        assert await view.conflicts() == 1
