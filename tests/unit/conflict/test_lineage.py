"""Conflicts of more than one step: who came from whom decides what is one."""

import pytest

from cozysync_conflict import (
    POLICY,
    Content,
    Dot,
    Head,
    Lineage,
    Outcome,
    Policy,
    Stamp,
    Version,
)
from tests.suites.devices import Clock, Device, content, sync
from tests.unit.conflict.test_matrix import inbox

TEXT = "".join(f"{n}\n" for n in range(12))


def with_line(number, word, text=TEXT):
    return text.replace(f"{number}\n", f"{word}\n", 1)


def devices(*names):
    now = Clock()
    made = [Device(name, now) for name in names]
    made[0].mkdir("w")
    made[0].write("w/f.txt", TEXT)
    sync(*made)
    return made


def test_an_edit_on_top_of_a_settled_conflict_is_no_new_one():
    """Both settle it apart; one goes on editing before it hears that the other has settled too."""
    ann, bob = devices("ann", "bob")
    ann.write("w/f.txt", "A")
    bob.write("w/f.txt", "B")
    edits_of_bob = list(bob.authored)
    bob.receive(ann.authored)
    ann.receive(edits_of_bob)
    ann.write("w/f.txt", "A and B, by hand")
    sync(ann, bob)
    shown = ann.tree()
    assert shown == bob.tree()
    assert shown["w/f.txt"] == "A and B, by hand"
    assert len(shown) == 3, "the file, its directory, and the one copy"
    assert len(inbox(ann)) == 1


@pytest.mark.parametrize("first", ["ann", "bob"])
def test_three_edits_met_in_different_order_are_one_text(first):
    ann, bob, eve = devices("ann", "bob", "eve")
    ann.write("w/f.txt", with_line(1, "one"))
    bob.write("w/f.txt", with_line(5, "five"))
    eve.write("w/f.txt", with_line(9, "nine"))
    if first == "ann":
        ann.receive(bob.authored)
        eve.receive(bob.authored)
    else:
        bob.receive(ann.authored)
        eve.receive(ann.authored)
    sync(ann, bob, eve)
    expected = with_line(9, "nine", with_line(5, "five", with_line(1, "one")))
    assert ann.tree() == bob.tree() == eve.tree() == {"w": None, "w/f.txt": expected}
    assert [len(record.versions) for record in inbox(ann)] == [3]
    assert inbox(ann) == inbox(bob) == inbox(eve)


def test_a_property_that_three_changed_goes_to_the_latest_edit_whoever_merges():
    card = "BEGIN:VCARD\nVERSION:4.0\nFN:X\nTEL:{}\nNOTE:{}\nEND:VCARD\n"
    ann, bob, eve = devices("ann", "bob", "eve")
    ann.write("w/c.vcf", card.format(0, 0))
    sync(ann, bob, eve)
    ann.write("w/c.vcf", card.format(1, 0))
    bob.write("w/c.vcf", card.format(0, 2))
    eve.write("w/c.vcf", card.format(3, 0))
    # Ann merges with bob, which is later than eve's edit: still eve's is the last word.
    ann.receive(bob.authored)
    sync(ann, bob, eve)
    assert ann.tree()["w/c.vcf"] == eve.tree()["w/c.vcf"] == card.format(3, 2)


def test_an_edit_back_to_what_was_does_not_undo_the_other_edit():
    ann, bob = devices("ann", "bob")
    ann.write("w/f.txt", "draft")
    ann.write("w/f.txt", TEXT)
    bob.write("w/f.txt", "B")
    sync(ann, bob)
    assert ann.tree() == bob.tree() == {"w": None, "w/f.txt": "B"}
    assert inbox(ann) == []


def test_a_copy_that_was_thrown_away_stays_away_when_a_third_edit_comes():
    ann, bob, eve = devices("ann", "bob", "eve")
    ann.write("w/f.txt", "A")
    bob.write("w/f.txt", "B")
    eve.write("w/f.txt", "C")
    sync(ann, bob)
    (copy,) = [path for path in ann.tree() if "conflict" in path]
    ann.delete(copy)
    sync(ann, bob)
    sync(ann, bob, eve)
    shown = sorted(text for text in ann.tree().values() if text)
    assert ann.tree() == bob.tree() == eve.tree()
    assert shown == ["B", "C"], "the copy of A was seen and thrown away"


def test_a_folder_may_keep_other_versions_in_the_inbox_only():
    ann, bob = devices("ann", "bob")
    ann.set_attribute("w", POLICY, Policy.INBOX.encode())
    sync(ann, bob)
    ann.write("w/f.txt", "A")
    bob.write("w/f.txt", "B")
    sync(ann, bob)
    assert ann.tree() == bob.tree() == {"w": None, "w/f.txt": "B"}
    (record,) = inbox(ann)
    assert record.outcome is Outcome.INBOX
    texts = {v.dot: v.content.detail for v in ann.store.versions(record.node)}
    assert [texts[dot] for dot in record.versions] == [b"A", b"B"]


def test_a_base_that_history_has_let_go_of_makes_unsure():
    """Against an empty base two contacts would be joined, and what one deleted would be back."""
    card = "BEGIN:VCARD\nVERSION:4.0\nFN:X\nTEL:1\nNOTE:2\nEND:VCARD\n"
    ann, bob = devices("ann", "bob")
    ann.write("w/c.vcf", card)
    sync(ann, bob)
    for device in (ann, bob):
        versions = device.store._versions[device.find("w/c.vcf")]
        thinned = Content(versions[0].content.digest, b"")
        versions[0] = versions[0]._replace(content=thinned)
    ann.write("w/c.vcf", card.replace("TEL:1\n", ""))
    bob.write("w/c.vcf", card.replace("NOTE:2", "NOTE:3"))
    sync(ann, bob)
    assert [record.outcome for record in inbox(ann)] == [Outcome.BESIDE]


def test_a_move_and_two_edits_meet_in_one_file_at_its_new_place():
    ann, bob = devices("ann", "bob")
    ann.write("w/f.txt", with_line(1, "one"))
    ann.move("w/f.txt", "w/g.txt")
    bob.write("w/f.txt", with_line(9, "nine"))
    sync(ann, bob)
    expected = with_line(9, "nine", with_line(1, "one"))
    assert ann.tree() == bob.tree() == {"w": None, "w/g.txt": expected}


def test_a_merge_that_two_made_from_different_steps_is_one_ancestor():
    """Ann and bob merge step by step, eve all at once; then two of them write on."""
    ann, bob, eve = devices("ann", "bob", "eve")
    ann.write("w/f.txt", with_line(1, "one"))
    eve.write("w/f.txt", with_line(5, "five"))
    first_of_eve = list(eve.authored)
    ann.receive(first_of_eve)
    eve.write("w/f.txt", with_line(9, "nine", with_line(5, "five")))
    edit_of_ann = 3  # after the directory and the file
    eve.receive(ann.authored[:edit_of_ann])
    ann.receive(eve.authored)
    sync(ann, bob, eve)
    ann.write("w/f.txt", ann.tree()["w/f.txt"].replace("2\n", "two\n"))
    eve.write("w/f.txt", eve.tree()["w/f.txt"].replace("7\n", "seven\n"))
    sync(ann, bob, eve)
    shown = ann.tree()
    assert shown == bob.tree() == eve.tree()
    assert len(shown) == 2
    assert all(word in shown["w/f.txt"] for word in ("one", "five", "nine", "two", "seven"))


def test_the_latest_edit_has_the_name_even_if_the_others_were_settled_after_it():
    ann, bob, eve = devices("ann", "bob", "eve")
    ann.write("w/f.txt", "A")
    bob.write("w/f.txt", "B")
    eve.write("w/f.txt", "C")
    sync(ann, bob)
    sync(ann, bob, eve)
    assert ann.tree() == bob.tree() == eve.tree()
    assert ann.tree()["w/f.txt"] == "C"
    assert sorted(text for text in ann.tree().values() if text) == ["A", "B", "C"]


def test_an_edit_elsewhere_merges_with_the_one_that_was_chosen():
    ann, bob, eve = devices("ann", "bob", "eve")
    ann.write("w/f.txt", with_line(1, "ann's"))
    bob.write("w/f.txt", with_line(1, "bob's"))
    eve.write("w/f.txt", with_line(9, "eve's"))
    sync(ann, bob)
    sync(ann, bob, eve)
    assert ann.tree() == bob.tree() == eve.tree()
    assert ann.tree()["w/f.txt"] == with_line(9, "eve's", with_line(1, "bob's"))
    assert len(ann.tree()) == 3, "the directory, the file, and ann's version"


# --- the graph itself -----------------------------------------------------------------------------


def graph(*rows):
    """Versions from «name: content < before, before»; their stamps grow from row to row."""
    versions = {}
    for time, row in enumerate(rows, 1):
        name, _, rest = row.partition(": ")
        text, _, before = rest.partition(" < ")
        dots = tuple(versions[each].dot for each in before.split(", ") if each)
        dot = Dot(name.encode().ljust(16), 1)
        versions[name] = Version(dot, Stamp(time, dot.device), content(text), dots)
    return Lineage(versions.values()), versions


def as_head(version):
    return Head(version.dot, version.stamp, version.content)


def test_two_nearest_ancestors_make_unsure():
    lineage, v = graph(
        "o: o", "a: a < o", "b: b < o", "m: m < a, b", "n: n < a, b", "x: x < m", "y: y < n"
    )
    assert not lineage.ancestry([v["x"], v["y"]]).known
    assert lineage.ancestry([v["a"], v["b"]]) == (v["o"].content, True)


def test_the_nearest_common_ancestor_is_the_base():
    lineage, v = graph("o: o", "a: a < o", "x: x < a", "y: y < a")
    assert lineage.ancestry([v["x"], v["y"]]) == (v["a"].content, True)


def test_files_made_apart_have_no_base():
    lineage, v = graph("x: x", "y: y")
    assert lineage.ancestry([v["x"], v["y"]]) == (None, True)


def test_two_that_had_seen_each_others_content_both_stand():
    lineage, v = graph("o: o", "a: one < o", "b: two < o", "x: two < a", "y: one < b")
    heads = [as_head(v["x"]), as_head(v["y"])]
    assert lineage.standing(heads) == heads


def test_two_conflicts_of_one_file_are_two_records():
    ann, bob = devices("ann", "bob")
    for one, other in (("A", "B"), ("C", "D")):
        ann.write("w/f.txt", one)
        bob.write("w/f.txt", other)
        sync(ann, bob)
    assert len(inbox(ann)) == 2
    assert inbox(ann) == inbox(bob)
