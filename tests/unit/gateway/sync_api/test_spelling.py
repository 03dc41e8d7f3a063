"""Names that are no text are told apart in text all the same."""

from hypothesis import given
from hypothesis import strategies as st

from cozysync.gateway.names import raw, text
from cozysync.gateway.sync_api.spelling import spelled, unspelled


@given(
    st.binary(max_size=12) | st.text("ä\uf780\uf7ff\uf77fa/\U0010ffff", max_size=6).map(str.encode)
)
def test_every_name_comes_back_from_its_spelling(name):
    spelling = spelled(text(name))
    assert raw(unspelled(spelling)) == name
    spelling.encode("utf-8")  # proper text, or it raises


def test_proper_text_stands_as_it_is():
    assert spelled("/Fotos/ü 漢字 😀") == "/Fotos/ü 漢字 😀"
    assert spelled("/a\udcff") == "/a\uf7ff"
    assert unspelled("/a\uf7ff") == "/a\udcff"
    # A real character of the range is not taken for such a byte.
    assert unspelled(spelled("/a\uf7ff")) == "/a\uf7ff"
    assert spelled("/a\uf7ff") != spelled("/a\udcff")
