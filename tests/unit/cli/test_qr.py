"""The picture of a pairing code."""

import segno

from cozysync.cli.qr import qr

CODE = "https://192.168.1.5:7717/42-apple-river-stone"


def test_the_picture_holds_the_code_row_by_row():
    dark = [list(row) for row in segno.make(CODE, error="l", micro=False).matrix_iter(border=2)]
    lines = qr(CODE).splitlines()
    shown = []
    for line in lines:
        # A half block that is lit is light; what is not lit is dark.
        shown.append([c not in "█▀" for c in line])
        shown.append([c not in "█▄" for c in line])
    assert shown[: len(dark)] == [[bool(m) for m in row] for row in dark]
    assert max(map(len, lines)) < 60
