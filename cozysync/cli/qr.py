"""A short text as a picture on the terminal, for a camera to read."""

import io

import segno


def qr(text: str) -> str:
    """The QR code, two rows of it a line, dark on light whatever the terminal's colours."""
    picture = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(picture, border=2, compact=True)
    return picture.getvalue()
