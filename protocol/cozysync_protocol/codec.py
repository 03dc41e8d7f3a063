"""Canonical MessagePack: one value, one encoding.

Signed and hashed bytes must not have two spellings, so only arrays, byte strings, text,
integers, booleans and nil are used, each in its shortest form, and decoding refuses whatever does
not encode back to itself. Bounds are checked before memory is spent.
"""

from collections.abc import Iterator, Sequence

import msgpack

from cozysync_protocol.errors import Malformed
from cozysync_protocol.limits import MAX_DEPTH, MAX_INTEGER


def encode(value: object) -> bytes:
    """The canonical encoding of nested lists or tuples of bytes, text, integers, booleans, None."""
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def decode(data: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH) -> object:
    """The value of a canonical encoding; arrays come as lists.

    Raises `Malformed` for more than `max_bytes`, nesting beyond `max_depth`, maps, extension
    types, floats, integers beyond 63 bits, trailing bytes and any encoding that is not shortest.
    """
    if len(data) > max_bytes:
        raise Malformed(f"a message of {len(data)} bytes where {max_bytes} are allowed")
    try:
        value: object = msgpack.unpackb(
            data,
            use_list=True,
            raw=False,
            strict_map_key=True,
            max_map_len=0,
            max_ext_len=0,
            max_bin_len=len(data),
            max_str_len=len(data),
            # An element takes at least one byte, so no honest array is longer than its message.
            max_array_len=len(data),
        )
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise Malformed("bytes that are not a message") from error
    _check(value, max_depth)
    if encode(value) != data:
        raise Malformed("a message that is not in canonical form")
    return value


def _check(value: object, depth: int) -> None:
    if isinstance(value, list):
        if depth == 0:
            raise Malformed("a message that is nested too deeply")
        for each in value:
            kind = type(each)
            if kind is bytes:
                continue
            _check(each, depth - 1)
    elif isinstance(value, bool) or value is None or isinstance(value, bytes | str):
        return
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise Malformed("an integer out of bounds")
    else:
        raise Malformed("a message with a value of a type that is not used")


class Reader:
    """Takes the fields of one decoded array in order, each checked for type and bounds."""

    def __init__(self, value: object, what: str, *, fields: int) -> None:
        if not isinstance(value, list) or len(value) != fields:
            raise Malformed(f"{what}: not an array of {fields} fields")
        self._fields: Iterator[object] = iter(value)
        self._what = what

    def raw(self) -> object:
        """The next field, unchecked."""
        return next(self._fields)

    def integer(self, low: int = 0, high: int = MAX_INTEGER) -> int:
        """An integer from `low` to `high`."""
        value = self.raw()
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Malformed(f"{self._what}: not an integer from {low} to {high}")
        return value

    def exactly(self, size: int) -> bytes:
        """A byte string of just this size."""
        value = self.raw()
        if not isinstance(value, bytes) or len(value) != size:
            raise Malformed(f"{self._what}: not {size} bytes")
        return value

    def blob(self, most: int) -> bytes:
        """A byte string of at most `most` bytes."""
        value = self.raw()
        if not isinstance(value, bytes) or len(value) > most:
            raise Malformed(f"{self._what}: not a byte string of at most {most} bytes")
        return value

    def text(self, most: int) -> str:
        """Text of at most `most` characters."""
        value = self.raw()
        if not isinstance(value, str) or len(value) > most:
            raise Malformed(f"{self._what}: not a text of at most {most} characters")
        return value

    def array(self, most: int) -> Sequence[object]:
        """An array of at most `most` elements, unchecked themselves."""
        value = self.raw()
        if not isinstance(value, list) or len(value) > most:
            raise Malformed(f"{self._what}: not an array of at most {most} elements")
        return value

    def blobs(self, size: int, most: int) -> tuple[bytes, ...]:
        """An array of at most `most` byte strings of just `size` bytes each."""
        values = self.array(most)
        for value in values:
            if not isinstance(value, bytes) or len(value) != size:
                raise Malformed(f"{self._what}: an element that is not {size} bytes")
        return tuple(values)  # type: ignore[arg-type]
