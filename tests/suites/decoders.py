"""Everything that reads bytes of others: what it is given, and what it may answer with.

One row for each decoder; a test of the house finds decoders that have none.
"""

import io
import sqlite3
import ssl
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import typer

from cozysync.cli.when import when
from cozysync.content import compress, fetch, recipe
from cozysync.daemon import config, config_keys
from cozysync.disk import InUse, PosixDisk, open_still, prepare_root
from cozysync.disk.databases import MAGIC
from cozysync.disk.ignore import Ignore
from cozysync.replica import Opening, body, read_snapshot, write_snapshot
from cozysync.sync.replica import replica_in_memory
from cozysync.sync.verify import parsed
from cozysync.vault import (
    BadCertificate,
    CozyError,
    DeviceKeys,
    Grant,
    Join,
    Label,
    Newcomer,
    Offer,
    PairingFailed,
    RootKeys,
    SecretError,
    Secrets,
    VaultKeys,
    fingerprint,
    new_phrase,
    own_certificate,
    parse_code,
    read_certificate,
    read_fingerprint,
    save_secrets,
    secrets_file,
)
from cozysync.vault import pairing as pairing_module
from cozysync.vault.seal import pad, unpad
from cozysync.vault.wrapping import device_info, root_info, unwrap, wrap
from cozysync_conflict import (
    Batch,
    Content,
    Create,
    Delete,
    Dot,
    Move,
    NodeId,
    Operation,
    SetAttribute,
    Stamp,
    VersionVector,
    Write,
    apply,
)
from cozysync_conflict.inbox import _read_decision
from cozysync_conflict.merge import contentlines, merge
from cozysync_conflict.merge.bookmarks import merge_bookmark_page, merge_chromium
from cozysync_conflict.merge.calendars import merge_calendar, merge_cards
from cozysync_conflict.merge.documents import merge_json
from cozysync_conflict.merge.logs import merge_log
from cozysync_conflict.merge.text import merge_text, read_text
from cozysync_conflict.records import _read as read_record
from cozysync_protocol import (
    Append,
    Appended,
    Begun,
    Challenge,
    ChunkLocation,
    CreateVault,
    Entry,
    EntryHeader,
    ErrorCode,
    FrameReader,
    GivenBack,
    HeadHash,
    Info,
    LogFrame,
    LogState,
    Malformed,
    PackBuilder,
    PackId,
    PackList,
    PacksDoomed,
    Position,
    Problem,
    ProtocolError,
    Session,
    SessionProof,
    SessionRequest,
    SnapshotPointer,
    check_pack,
    decode,
    decode_control,
    decode_entry,
    encode,
    encode_control,
    encode_entry,
    encode_frame,
    read_index,
)
from tests.suites.samples import NAMES, sample
from tests.unit.protocol.logs import ANN, BOB, ROOT, VAULT, Log, added, created, epoch, revoked

Call = Callable[[bytes], object]


@dataclass(frozen=True)
class Decoder:
    """`name` is what it reads with, `module:function`; only `errors` may come out of `call`."""

    name: str
    call: Call = field(repr=False)
    samples: Sequence[bytes] = field(repr=False)
    errors: tuple[type[Exception], ...] = (ProtocolError,)


def take_snapshot(piece: bytes) -> None:
    """A piece of rows after a good opening, into a replica that is thrown away."""
    replica = replica_in_memory()
    try:
        with replica.database.transaction():
            read_snapshot(replica.database.connection, [OPENING, piece])
    finally:
        replica.close()


def text_of(data: bytes) -> str:
    """As a command line hands over bytes that are no text."""
    return data.decode("utf-8", "surrogateescape")


# --- valid records ---------------------------------------------------------------------------

LOG = Log()
LOG.append(ANN, added(BOB))
ENTRY = encode_entry(LOG.entry(ANN, packs=(bytes(32), b"p" * 32)))
CONTROLS = [
    encode_control(each)
    for each in (
        created(),
        added(BOB),
        added(BOB, ROOT),
        revoked(BOB),
        epoch(2, ANN, BOB),
        PacksDoomed((bytes(32), b"p" * 32)),
    )
]
FRAME = encode_frame(LogFrame(Position(3), HeadHash(b"h" * 32), ENTRY))
KEYS = VaultKeys(VAULT, {1: b"1" * 32, 2: b"2" * 32})
DEVICE = DeviceKeys(b"s" * 32, b"w" * 32)
PHRASE_ROOT = RootKeys(b"r" * 32)
PLAIN = b"The quick brown fox jumps over the lazy dog" * 20
CHUNK = KEYS.chunk_id(PLAIN)
CODE = parse_code("192.168.1.5:8017/42-apple-river-stone")
NEWCOMER = Newcomer(DEVICE.public, "phone")
GRANT = Grant(
    PHRASE_ROOT.signing_public, PHRASE_ROOT.wrapping_public, Position(5), HeadHash(b"h" * 32)
)


def packed() -> bytes:
    builder = PackBuilder()
    builder.add(CHUNK, b"sealed" * 30)
    builder.add(KEYS.chunk_id(b"x"), b"y")
    return builder.finish(lambda index: index).data


def bodies() -> list[bytes]:
    author, node = b"a" * 16, NodeId(b"\x02" + b"f" * 15)
    directory = NodeId(b"\x01" + b"d" * 15)
    actions = [
        Create(node, directory, b"name"),
        Move(node, directory, b"other"),
        Write(node, Content(b"d" * 32, b"detail"), (Dot(author, 1),)),
        SetAttribute(node, "executable", b"\x01"),
        Delete(Dot(author, 5), node, ((node, directory),)),
    ]
    operations = tuple(
        Operation(Stamp(1000 + n, author), Dot(author, n + 1), each)
        for n, each in enumerate(actions)
    )
    batch = Batch(author, VersionVector({b"b" * 16: 7}), operations)
    whole = body.encode_body(body.SealedBody(batch))
    plain = body._decompressed(whole)
    return [whole, b"\0" + plain]


RECIPES = [
    recipe.Recipe(5, 7, inline=b"hello").encode(),
    recipe.Recipe(30, 7, chunks=((CHUNK, 10), (CHUNK, 20))).encode(),
    recipe.Recipe(72, 7, lists=((CHUNK, 72),)).encode(),
]
POINTER = (
    SnapshotPointer(VAULT, ANN.id, Position(2), HeadHash(b"h" * 32), 1, 5, (PackId(b"p" * 32),))
    .signed(ANN.sign)
    .encode()
)
OPENING = Opening(LOG.state, 1 << 40).encode()


def snapshot_rows() -> list[bytes]:
    replica = replica_in_memory()
    batches = [body.decode_body(each).batch for each in bodies()[:1]]
    with replica.database.transaction():
        replica.history.add(batches)
        apply(replica.tree, batches)
    place = ChunkLocation(CHUNK, PackId(b"p" * 32), 8, 90)
    replica.chunks.add([place], announced=True)
    _, *pieces = write_snapshot(replica.database.connection, Opening.decode(OPENING))
    replica.close()
    return pieces


ROWS = snapshot_rows()
SEALED_CHUNK = bytes(KEYS.seal_chunk(CHUNK, compress.pack_chunk(PLAIN)))


def open_read(data: bytes) -> object:
    """What a server sends instead of a chunk."""
    [read] = fetch.plan_reads([ChunkLocation(CHUNK, PackId(b"p" * 32), 8, len(SEALED_CHUNK))])
    opened, lost = fetch.open_read(KEYS, read, data)
    if lost:
        raise Malformed("it was noticed")
    return opened


def open_sealed_chunk(data: bytes) -> object:
    """What a hostile device seals instead of a chunk."""
    return compress.unpack_chunk(KEYS.open_chunk(KEYS.seal_chunk(CHUNK, data), CHUNK))


def header() -> EntryHeader:
    return LOG.entry(ANN).header


def open_sealed_body(data: bytes) -> object:
    """What a hostile device seals instead of a body."""
    head = header()
    sealed = KEYS.seal_entry(head, data)
    return body.decode_body(KEYS.open_entry(Entry(head, sealed, b"")))


def expand(data: bytes) -> object:
    long = recipe.Recipe(72, 7, lists=((CHUNK, len(data)),))
    return recipe.expand(long, lambda _: data)


# --- pairing: a peer that knows the code and means ill ----------------------------------------


def conversation():
    offer, join = Offer(CODE), Join(CODE)
    start = offer.start()
    answer = join.answer(start)
    return offer, join, start, answer, offer.confirm(answer)


def answer_to(data: bytes) -> object:
    return Join(CODE).answer(data)


def confirm(data: bytes) -> object:
    offer = Offer(CODE)
    offer.start()
    return offer.confirm(data)


def introduce(data: bytes) -> object:
    _, join, *_ = conversation()
    return join.introduce(data, NEWCOMER)


def meet(data: bytes) -> object:
    """The data as it comes, and sealed by somebody who knows the words."""
    offer, *_ = conversation()
    key = offer._joiner_key
    sealed = pairing_module.seal(key, pad(data), Label.PAIRING_INTRODUCTION.context(), bytes)
    try:
        return offer.meet(sealed)
    except PairingFailed:
        offer, *_ = conversation()
        return offer.meet(data)


def accept(data: bytes) -> object:
    offer, join, _, _, proof = conversation()
    offer.meet(join.introduce(proof, NEWCOMER))
    sealed = pairing_module.seal(offer._key, pad(data), Label.PAIRING_GRANT.context(), bytes)
    return join.accept(sealed)


SAID = dict(zip(("start", "answer", "proof"), conversation()[2:], strict=True))
INTRODUCTION = encode([DEVICE.public.signing, DEVICE.public.wrapping, "phone"])
GRANTED = encode([b"r" * 32, b"w" * 32, 5, b"h" * 32, b""])

# --- files -------------------------------------------------------------------------------------


def in_file(name: str, read: Callable[[Path], object]) -> Call:
    """A reader of a file, given its bytes."""

    def call(data: bytes) -> object:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / name
            path.touch(mode=0o600)
            path.write_bytes(data)
            return read(path)

    return call


def certificate_file() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        return own_certificate(Path(place) / "tls.pem").read_bytes()


def certificate() -> bytes:
    return ssl.PEM_cert_to_DER_cert(
        "-----BEGIN C" + certificate_file().decode().split("-----BEGIN C")[1]
    )


def saved_secrets() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "secrets"
        save_secrets(path, Secrets(DEVICE, KEYS, b"w" * 32))
        return path.read_bytes()


class OneFile:
    """A disk with nothing but one file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self, _: bytes) -> io.BytesIO:
        return io.BytesIO(self._data)


def ignore(data: bytes) -> object:
    rules = Ignore.load(OneFile(data))  # type: ignore[arg-type]
    return [rules.covers(path, directory=False) for path in (b"a/b", b"x" * 200, b"\xff/.~lock.x#")]


def copied_database(data: bytes) -> object:
    with tempfile.TemporaryDirectory() as name:
        prepare_root(Path(name))
        (Path(name) / "base").write_bytes(data)
        (Path(name) / "base-wal").write_bytes(data[::-1] or b"x")
        disk = PosixDisk(Path(name))
        try:
            with open_still(disk, b"base") or io.BytesIO() as file:
                return file.read()
        finally:
            disk.close()


def database(mode: str) -> bytes:
    with tempfile.TemporaryDirectory() as name, closing(sqlite3.connect(f"{name}/x")) as base:
        base.execute(f"PRAGMA journal_mode = {mode}")
        base.execute("CREATE TABLE t (x)")
        base.commit()
        if mode == "WAL":
            base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(name, "x").read_bytes()


# --- merges --------------------------------------------------------------------------------------


def merged_into(merger: Callable[..., object], base: bytes, other: bytes) -> Call:
    """A merge in which one side, the other, and then the base is the one that is wrong."""

    def call(data: bytes) -> object:
        changed = data.replace(b"9", b"8", 1) if b"9" in data else data.replace(b"1", b"2")
        for sides in ((base, data, other), (base, other, data), (data, base, other)):
            merger(*sides)
        return [
            merger(None, data, changed),
            merger(base, data, changed),
            merger(data, changed, other),
        ]

    return call


def merges() -> list[Decoder]:
    rows: list[Decoder] = []
    kinds = {
        "bookmarks:merge_chromium": (merge_chromium, ["Bookmarks"]),
        "bookmarks:merge_bookmark_page": (merge_bookmark_page, ["bookmarks.html"]),
        "calendars:merge_cards": (merge_cards, ["apple.vcf", "google.vcf", "khard.vcf"]),
        "calendars:merge_calendar": (merge_calendar, ["meeting.ics", "todo.ics"]),
        "documents:merge_json": (merge_json, ["package.json", "settings.json", "Bookmarks"]),
        "logs:merge_log": (merge_log, ["backup.log"]),
        "text:merge_text": (merge_text, ["notes.txt", "package.json"]),
    }
    for name, (merger, files) in kinds.items():
        base = sample(files[0])
        samples = [*NASTY_FILES, *map(sample, files)]
        other = base.replace(b"a", b"b", 1)
        rows.append(
            Decoder(
                f"cozysync_conflict.merge.{name}", merged_into(merger, base, other), samples, ()
            )
        )
    return rows


CARD = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\n%s\r\nEND:VCARD\r\n"
EVENT = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSEQUENCE:%s\nEND:VEVENT\nEND:VCALENDAR\n"
NASTY_FILES = [
    b'{"a": "\\ud800"}\n',
    b'{"a": ' + b"9" * 5000 + b"}",
    b'{"a": 1e999, "b": NaN}',
    b"[" * 3000 + b"]" * 3000,
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b"a = " + b"9" * 5000,
    b"a = " + b"[" * 3000 + b"]" * 3000,
    b"\xff\xfea",
    CARD % (b"SEQUENCE:" + b"9" * 5000),
    EVENT % (b"9" * 5000),
    EVENT % b"1",
    b"BEGIN:X\n" * 3000 + b"END:X\n" * 3000,
    b"<!DOCTYPE NETSCAPE-Bookmark-file-1>\n" + b"<DL>\n" * 3000 + b"</DL>\n" * 3000,
    b'{"roots": {"bar": {"guid": "g", "name": "\\ud800", "children": []}}}',
    b'{"roots": {"bar": {"guid": ["g"], "children": [{"guid": 1}]}}}',
    b'{"roots": {"bar": {"guid": "g", "date_added": "' + b"9" * 5000 + b'"}}}',
]

PROTOCOL = "cozysync_protocol."
DECODERS = [
    Decoder(PROTOCOL + "codec:decode", lambda d: decode(d, max_bytes=10**6), [ENTRY, *CONTROLS]),
    Decoder(PROTOCOL + "control:decode_control", decode_control, CONTROLS),
    Decoder(PROTOCOL + "entry:decode_entry", decode_entry, [ENTRY]),
    Decoder(PROTOCOL + "chain:LogState.decode", LogState.decode, [LOG.state.encode()]),
    Decoder(PROTOCOL + "errors:Problem.decode", Problem.decode, [
        Problem(ErrorCode.TOO_MANY, "x").encode(), *NASTY_FILES, b'{"code": [], "detail": {}}',
    ]),
    Decoder(PROTOCOL + "messages:Info.decode", Info.decode, [Info(1, 1, 5, 6, 7).encode()]),
    Decoder(PROTOCOL + "messages:CreateVault.decode", CreateVault.decode, [
        CreateVault("code", ENTRY).encode()]),
    Decoder(PROTOCOL + "messages:SessionRequest.decode", SessionRequest.decode, [
        SessionRequest(VAULT, ANN.id).encode()]),
    Decoder(PROTOCOL + "messages:Challenge.decode", Challenge.decode, [
        Challenge(b"n" * 56).encode()]),
    Decoder(PROTOCOL + "messages:SessionProof.decode", SessionProof.decode, [
        SessionProof(VAULT, ANN.id, b"n" * 56, b"s" * 64).encode()]),
    Decoder(PROTOCOL + "messages:Session.decode", Session.decode, [Session("token", 60).encode()]),
    Decoder(PROTOCOL + "messages:Append.decode", Append.decode, [Append((ENTRY, b"x")).encode()]),
    Decoder(PROTOCOL + "messages:Appended.decode", Appended.decode, [
        Appended(((Position(1), HeadHash(b"h" * 32)),)).encode()]),
    Decoder(PROTOCOL + "giving:GivenBack.decode", GivenBack.decode, [
        GivenBack(Position(2), (LogFrame(Position(1), HeadHash(b"h" * 32), ENTRY),)).encode(),
        GivenBack(Position(2), (LogFrame(Position(2), HeadHash(b"h" * 32), b"x"),), "c").encode()]),
    Decoder(PROTOCOL + "giving:Begun.decode", Begun.decode, [
        Begun("code", LOG.state, (LogFrame(Position(1), HeadHash(b"h" * 32), ENTRY),)).encode()]),
    Decoder(PROTOCOL + "messages:PackList.decode", PackList.decode, [
        PackList((bytes(32), b"p" * 32)).encode()]),
    Decoder(PROTOCOL + "snapshot:SnapshotPointer.decode", SnapshotPointer.decode, [POINTER]),
    Decoder("cozysync.replica.snapshot:Opening.decode", Opening.decode, [OPENING]),
    Decoder("cozysync.replica.snapshot:read_snapshot", take_snapshot, ROWS),
    Decoder(PROTOCOL + "messages:FrameReader.feed", lambda d: FrameReader().feed(d), [
        FRAME, FRAME * 3]),
    Decoder(PROTOCOL + "pack:read_index", lambda d: read_index(d, bytes), [packed()]),
    Decoder(PROTOCOL + "pack:check_pack", lambda d: check_pack(bytes(32), d), [packed()]),
    Decoder("cozysync.content.recipe:decode_recipe", recipe.decode_recipe, RECIPES),
    Decoder("cozysync.content.recipe:expand", expand, [(CHUNK + b"\0\0\0\x24") * 2]),
    Decoder("cozysync.content.compress:unpack_chunk", compress.unpack_chunk, [
        compress.pack_chunk(PLAIN), compress.pack_chunk(b"x")]),
    Decoder("cozysync.content.fetch:open_read", open_read, [SEALED_CHUNK]),
    Decoder("cozysync.vault.keyring:VaultKeys.open_chunk", open_sealed_chunk, [
        compress.pack_chunk(PLAIN)], (ProtocolError, SecretError)),
    Decoder("cozysync.replica.body:decode_body", body.decode_body, bodies()),
    Decoder("cozysync.vault.keyring:VaultKeys.open_entry", open_sealed_body, bodies(),
            (ProtocolError, SecretError)),
    Decoder("cozysync.vault.keyring:VaultKeys.open_index", KEYS.open_index, [
        KEYS.seal_index(PLAIN)], (SecretError,)),
    Decoder("cozysync.vault.keyring:VaultKeys.open_name", lambda d: KEYS.open_name(ANN.id, d), [
        KEYS.seal_name(ANN.id, "ann")], (SecretError,)),
    Decoder("cozysync.vault.seal:unpad", lambda d: unpad(d, "x"), [pad(PLAIN), pad(b"")],
            (SecretError,)),
    Decoder("cozysync.vault.wrapping:unwrap", lambda d: unwrap(d, DEVICE._wrapping, b""), [
        wrap(b"s" * 32, DEVICE.public.wrapping, b"", "x")], (SecretError,)),
    Decoder("cozysync.vault.device:DeviceKeys.unwrap",
            lambda d: DEVICE.unwrap(d, device_info(VAULT, 1, ANN.id)), [
        wrap(b"s" * 32, DEVICE.public.wrapping, device_info(VAULT, 1, ANN.id), "x")],
            (SecretError,)),
    Decoder("cozysync.vault.phrase:RootKeys.open_wrapped",
            lambda d: PHRASE_ROOT.open_wrapped(d, root_info(VAULT, 1)), [
        wrap(b"s" * 32, PHRASE_ROOT.wrapping_public, root_info(VAULT, 1), "x")], (SecretError,)),
    Decoder("cozysync.vault.phrase:RootKeys.from_phrase",
            lambda d: RootKeys.from_phrase(text_of(d)), [new_phrase(bytes).encode()],
            (SecretError,)),
    Decoder("cozysync.vault.pairing_code:parse_code", lambda d: parse_code(text_of(d)), [
        b"192.168.1.5:8017/42-apple-river-stone", b"https://[::1]:1/a/7 appl rive ston"],
            (SecretError,)),
    Decoder("cozysync.vault.pairing:Join.answer", answer_to, [SAID["start"]], (PairingFailed,)),
    Decoder("cozysync.vault.pairing:Offer.confirm", confirm, [SAID["answer"]], (PairingFailed,)),
    Decoder("cozysync.vault.pairing:Join.introduce", introduce, [SAID["proof"]], (PairingFailed,)),
    Decoder("cozysync.vault.pairing:Offer.meet", meet, [INTRODUCTION], (PairingFailed,)),
    Decoder("cozysync.vault.pairing:Join.accept", accept, [GRANTED], (PairingFailed,)),
    Decoder("cozysync.vault.secrets_file:load_secrets",
            in_file("secrets", secrets_file.load_secrets), [saved_secrets()], (SecretError,)),
    Decoder("cozysync.vault.certificate:read_certificate", in_file("c.pem", read_certificate),
            [certificate_file()], (BadCertificate,)),
    Decoder("cozysync.vault.certificate:fingerprint", fingerprint, [certificate()], (ValueError,)),
    Decoder("cozysync.vault.certificate:read_fingerprint",
            lambda d: read_fingerprint(text_of(d)), [b"A" * 43], (ValueError,)),
    Decoder("cozysync.daemon.config:load", in_file("config.toml", config.load), [
        b'device = "x"\nuploads = 3\n[history]\nall_days = 3\n', b"a = " + b"9" * 5000,
        b"a = " + b"[" * 3000 + b"]" * 3000, b"uploads = 1979-05-27\n", b"trash_days = inf\n",
        b'server = "http://\x00"\n', b'[[history]]\n', b"[history.all_days]\nx = 1\n",
    ], (CozyError,)),
    Decoder("cozysync.daemon.config_keys:parse_address",
            lambda d: config_keys.parse_address(text_of(d)), [
        b"127.0.0.1:7717", b"[::1]:0", "x:²".encode(), b"x:" + b"9" * 5000], (ValueError,)),
    Decoder("cozysync.daemon.config_keys:parse_size",
            lambda d: config_keys.parse_size(text_of(d)), [
        b"50GiB", b"500 MB", b"7", "²".encode(), b"9" * 5000], (ValueError,)),
    Decoder("cozysync.sync.verify:parsed", lambda d: parsed(text_of(d)), [
        b"chunks.12.4096", b"contents", b"contents.0102.99.0304", b"chunks.1." + b"9" * 5000],
            (CozyError,)),
    Decoder("cozysync.cli.when:when", lambda d: when(text_of(d)), [
        b"14:00", b"yesterday 9:30", b"2 days ago", b"2026-03-05 14:00", b"9" * 5000,
        b"9" * 5000 + b" days ago", b"9" * 400 + b" d", "² days".encode(), b"0001-01-01 00:00",
        b"9999-12-31", b"1700000000"], (typer.BadParameter,)),
    Decoder("cozysync.disk.databases:open_still", copied_database, [
        database("DELETE"), database("WAL"), MAGIC + bytes(496), bytes(512)], (InUse,)),
    Decoder("cozysync.disk.ignore:Ignore.load", ignore, [
        b"*.o\n!keep\nbuild/\n", b"[" * 100, b"**/" * 300 + b"x", b"!", b"/", b"a[b-", b"\\"], ()),
    Decoder("cozysync_conflict.records:_read",
            lambda d: read_record("conflict/x", NodeId(b"\x02" * 16), d), [
        b"1merged " + b"d" * 48, b"1renamed x", b"2merged "], ()),
    Decoder("cozysync_conflict.inbox:_read_decision", _read_decision, [b"keep " + b"d" * 24], ()),
    Decoder("cozysync_conflict.merge.text:read_text", read_text, NASTY_FILES, ()),
    Decoder("cozysync_conflict.merge.contentlines:read_lines", contentlines.read_lines, [
        sample("apple.vcf"), sample("meeting.ics"), *NASTY_FILES], (contentlines.NotContentLines,)),
    *merges(),
    Decoder("cozysync_conflict.merge:merge", lambda d: [
        merge(name.encode(), sample(name), [d, sample(name)[:-9]]) for name in NAMES], NASTY_FILES,
        ()),
]  # fmt: skip
