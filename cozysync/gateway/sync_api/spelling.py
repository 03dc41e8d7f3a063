"""Names as they stand in JSON and in addresses: always proper text, and always told apart.

Most names are UTF-8, and stand as they are. Of one that is not, each byte that fits nowhere stands
as the character U+F700 + byte (U+F780 to U+F7FF, in the area for private use). A character of just
that range in a real name is spelled by its bytes in the same way; so no two names share a spelling.
"""

_FIRST, _LAST = 0xF780, 0xF7FF
_BYTE_0 = 0xF700


def spelled(path: str) -> str:
    """A path of the view (with surrogate escapes) in proper text."""
    if path.isascii():
        return path
    return "".join(
        _bytes_spelled(each) if "\ud800" <= each <= "\udfff" or _reserved(each) else each
        for each in path
    )


def unspelled(text: str) -> str:
    """The path that a spelling means. Any text means one."""
    if not any(map(_reserved, text)):
        return text
    data = b"".join(
        bytes([ord(each) - _BYTE_0]) if _reserved(each) else each.encode("utf-8", "surrogatepass")
        for each in text
    )
    return data.decode("utf-8", "surrogateescape")


def _reserved(character: str) -> bool:
    return _FIRST <= ord(character) <= _LAST


def _bytes_spelled(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return chr(_BYTE_0 + code - 0xDC00)
    data = character.encode("utf-8", "surrogatepass")
    return "".join(chr(_BYTE_0 + each) for each in data)
