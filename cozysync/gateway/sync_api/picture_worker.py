"""Looks at a picture, in a process of its own: a small copy of it, or when it was taken.

A picture may come from anybody, and what takes pictures apart is much code that is not ours. So it
runs in another process than the keys, within bounds of memory and time that it cannot leave, and
can write no file. The picture comes on standard input, the answer goes to standard output; it exits
with 0, or with 3 for what it cannot look at.

Arguments: `small SIZE`, or `taken`. Run by its path with `python -I`: nothing else of this program
is loaded.
"""

import io
import resource
import sys

MEMORY = 512 * 1024 * 1024
CPU_S = 20
MOST_PIXELS = 120_000_000
"""As many as the cameras of phones give; the memory bound holds for all that is within."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
UNKNOWN = 3

_DATE_TIME_ORIGINAL, _DATE_TIME, _EXIF = 0x9003, 0x0132, 0x8769


def bound() -> None:
    """Give up all that is not needed, for good."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def small(data: bytes, size: int) -> bytes:
    """A JPEG of the picture, upright, at most `size` pixels wide and high."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        picture.draft("RGB", (size * 2, size * 2))
        picture.thumbnail((size, size), reducing_gap=2.0)
        upright = ImageOps.exif_transpose(picture)
        if upright.mode in ("RGBA", "LA", "PA", "P"):
            upright = upright.convert("RGBA")
            ground = Image.new("RGB", upright.size, "white")
            ground.paste(upright, mask=upright.getchannel("A"))
            upright = ground
        out = io.BytesIO()
        upright.convert("RGB").save(out, "JPEG", quality=80, optimize=True)
        return out.getvalue()


def taken(data: bytes) -> bytes:
    """When it was taken by the camera's clock, `YYYY:MM:DD HH:MM:SS`."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
        exif = picture.getexif()
        inner = exif.get_ifd(_EXIF)
        told = inner.get(_DATE_TIME_ORIGINAL) or exif.get(_DATE_TIME) or ""
        return str(told).encode("ascii", "replace")


if __name__ == "__main__":
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # counted above, by a bound of our own
    bound()
    try:
        what, *rest = sys.argv[1:]
        data = sys.stdin.buffer.read()
        answer = small(data, int(rest[0])) if what == "small" else taken(data)
    except Exception:  # a picture that is none, or hostile: no trace, for nobody reads it
        sys.exit(UNKNOWN)
    sys.stdout.buffer.write(answer)
