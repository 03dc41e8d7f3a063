"""What an upload is to become: told by the phone when it begins."""

import base64
import binascii
import re
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from cozysync.gateway.sync_api.messages import Path, Time, Version, Written
from cozysync.gateway.sync_api.problems import malformed

LONGEST_METADATA = 16 * 1024
"""Characters of the header."""

# What clients of tus say by themselves, and what means nothing here.
_CUSTOMARY = frozenset({"filename", "filetype", "name", "type", "relativePath"})

_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,64}", re.ASCII)


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """The metadata of an upload."""

    path: Path
    base: Version | UnsetType = UNSET
    mtime_ms: Time | UnsetType = UNSET
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | UnsetType = UNSET
    place: Literal["by-date"] | UnsetType = UNSET


class Upload(Struct, frozen=True):
    """An upload as it stands: `offset` bytes of `length` are here for good.

    `expires_s` is in seconds since 1970. `written` is what became of it, once all was here.
    """

    id: str
    phone: str
    metadata: str
    length: int
    offset: int
    expires_s: float
    written: Written | None = None

    @property
    def wanted(self) -> Wanted:
        """What it is to become."""
        return wanted_of(self.metadata)

    @property
    def is_here(self) -> bool:
        """Whether all of it has come."""
        return self.offset == self.length


class UploadState(Struct, frozen=True):
    """How far an upload is, and what became of it once all was here and written."""

    offset: int
    length: int
    expires: str
    written: Written | None


def wanted_of(header: str) -> Wanted:
    """Read `Upload-Metadata`: keys, each with a value in base64. Raises `Refusal`."""
    if len(header) > LONGEST_METADATA:
        raise malformed(f"Upload-Metadata has at most {LONGEST_METADATA} characters.")
    values: dict[str, str] = {}
    for pair in header.split(",") if header else []:
        key, _, value = pair.strip(" \t").partition(" ")
        if not _KEY.fullmatch(key) or key in values:
            raise malformed("Upload-Metadata: a key is none, or there twice.")
        try:
            values[key] = base64.b64decode(value.strip(" \t"), validate=True).decode("utf-8")
        except (binascii.Error, ValueError) as error:
            raise malformed(f"Upload-Metadata: {key} is no text in base64.") from error
    known = {key: value for key, value in values.items() if key not in _CUSTOMARY}
    try:
        wanted = msgspec.convert(known, Wanted, strict=False)
    except msgspec.ValidationError as error:
        raise malformed(f"Upload-Metadata: {error}.") from error
    if wanted.place is not UNSET and wanted.base is not UNSET:
        raise malformed("Upload-Metadata: what finds its own place has no base.")
    return wanted
