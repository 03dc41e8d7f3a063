"""Text, JSON, bookmarks and logs, changed apart by two people."""

import json

import pytest

from cozysync_conflict.merge import merge
from tests.suites.samples import edited, sample

NOTES, LOG = sample("notes.txt"), sample("backup.log")
PACKAGE, SETTINGS = sample("package.json"), sample("settings.json")
CHROMIUM, PAGE = sample("Bookmarks"), sample("bookmarks.html")


def both(name, base, one, other):
    """The merge, which here does not depend on who was first."""
    merged = merge(name, base, [one, other])
    assert merged is not None
    assert merged == merge(name, base, [other, one])
    return merged


# --- text -------------------------------------------------------------------------------------

TOP, END = ("Donnerstag", "Freitag"), ("9 Uhr", "10 Uhr")


def test_edits_in_different_lines_come_together():
    one, other = edited(NOTES, TOP), edited(NOTES, END)
    assert both(b"n.txt", NOTES, one, other) == edited(NOTES, TOP, END)


def test_edits_of_one_line_are_left_to_a_person():
    one, other = edited(NOTES, TOP), edited(NOTES, ("Donnerstag", "Samstag"))
    assert merge(b"n.txt", NOTES, [one, other]) is None


def test_edits_of_neighbouring_lines_are_left_to_a_person():
    one, other = edited(NOTES, TOP), edited(NOTES, ("ab April", "ab Mai"))
    assert merge(b"n.txt", NOTES, [one, other]) is None


def test_three_edits_come_together_one_by_one():
    third = ("bis 2026", "bis 2027")
    sides = [edited(NOTES, each) for each in (TOP, END, ("Urlaubsplan", "Ferienplan"))]
    assert merge(b"n.txt", NOTES, sides) == edited(NOTES, TOP, END, ("Urlaubsplan", "Ferienplan"))
    assert merge(b"n.txt", NOTES, [*sides, edited(NOTES, third, TOP)]) is None


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig", "utf-16-be"])
def test_the_encoding_stays(encoding):
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""

    def as_file(data):
        return mark + data.decode().encode(encoding)

    merged = both(
        b"n.txt", as_file(NOTES), as_file(edited(NOTES, TOP)), as_file(edited(NOTES, END))
    )
    assert merged == as_file(edited(NOTES, TOP, END))


def test_line_ends_that_one_editor_rewrote_do_not_clash():
    one = edited(NOTES, TOP).replace(b"\n", b"\r\n")
    other = edited(NOTES, END)
    assert both(b"n.txt", NOTES, one, other) == edited(NOTES, TOP, END).replace(b"\n", b"\r\n")


def test_mixed_line_ends_stay_as_they_are():
    base = NOTES.replace(b"\n\n", b"\r\n\n")
    merged = both(b"n.txt", base, edited(base, TOP), edited(base, END))
    assert merged == edited(base, TOP, END)


def test_a_file_without_a_last_line_end_stays_so():
    base = NOTES.rstrip(b"\n")
    merged = both(b"n.txt", base, edited(base, TOP), edited(base, ("Protokoll", "Notizen")))
    assert merged == edited(base, TOP, ("Protokoll", "Notizen"))


def test_what_is_no_text_is_left_to_a_person():
    base = NOTES + b"\0\1\2" * 50
    assert merge(b"n.bin", base, [edited(base, TOP), edited(base, END)]) is None


def test_text_made_apart_is_left_to_a_person():
    assert merge(b"n.txt", None, [b"one\n", b"two\n"]) is None


def test_a_markup_that_would_break_is_left_to_a_person():
    base = b"<a>\n1\n2\n3\n4\n5\n6\n</a>\n"
    wrapped = base.replace(b"2\n", b"<b>\n2\n").replace(b"5\n", b"5\n</b>\n")
    other = base.replace(b"1\n", b"<i>\n1\n").replace(b"3\n", b"3\n</i>\n")
    assert merge(b"x.xml", base, [wrapped, base.replace(b"3", b"<c/>")]) is not None
    assert merge(b"x.xml", base, [wrapped, other]) is None


# --- JSON -------------------------------------------------------------------------------------


def test_keys_added_at_one_place_come_together_in_the_files_own_style():
    one = edited(PACKAGE, ('"zod": "^3.22.4"', '"vue": "^3.4.0",\n    "zod": "^3.22.4"'))
    other = edited(PACKAGE, ('"zod": "^3.22.4"', '"xlsx": "^0.18.5",\n    "zod": "^3.22.4"'))
    merged = both(b"package.json", PACKAGE, one, other)
    found = json.loads(merged)["dependencies"]
    assert set(found) == {"date-fns", "pdf-lib", "vue", "xlsx", "zod"}
    assert merged.replace(b'    "vue": "^3.4.0",\n', b"") == other


def test_one_value_changed_twice_is_left_to_a_person():
    one = edited(PACKAGE, ("1.4.2", "1.4.3"))
    assert merge(b"p.json", PACKAGE, [one, edited(PACKAGE, ("1.4.2", "1.5.0"))]) is None


def test_lists_of_things_with_names_merge_by_name():
    one = edited(SETTINGS, ('"ratio": 1.5', '"ratio": 1.6'))
    other = edited(
        SETTINGS, ('"name": "Vortrag",', '"name": "Vorträge",\n            "dark": true,')
    )
    merged = json.loads(both(b"s.json", SETTINGS, one, other))
    assert merged["profiles"][1] == {
        "id": "vortrag", "name": "Vorträge", "dark": True, "ratio": 1.6,
    }  # fmt: skip


def test_a_number_stays_the_number_that_it_was():
    one = edited(SETTINGS, ('"name": "Standard"', '"name": "Normal"'))
    other = edited(SETTINGS, ('"id": "standard",', '"id": "standard",\n            "x": 1,'))
    merged = both(b"s.json", SETTINGS, one, other)
    assert b'"ratio": 1.0' in merged


def test_lists_that_both_changed_at_one_place_are_left_to_a_person():
    one = edited(SETTINGS, ("80,", "72,"))
    assert merge(b"s.json", SETTINGS, [one, edited(SETTINGS, ("80,", "79,"))]) is None


def test_json_written_by_hand_is_merged_by_line_or_not_at_all():
    base = b'{"a": [1,\n 2],\n\n\n "b": 1,\n\n\n "c": 2}\n'
    one, other = base.replace(b"2]", b"3]"), base.replace(b'"c": 2', b'"c": 5')
    assert both(b"x.json", base, one, other) == one.replace(b'"c": 2', b'"c": 5')
    one, other = (
        base.replace(b'"b": 1', b'"b": 1, "d": 1'),
        base.replace(b'"b": 1', b'"e": 1, "b": 1'),
    )
    assert merge(b"x.json", base, [one, other]) is None


def test_documents_made_apart_are_one_where_they_do_not_clash():
    assert json.loads(both(b"x.json", None, b'{"a": 1}', b'{"b": 2}')) == {"a": 1, "b": 2}
    assert merge(b"x.json", None, [b'{"a": 1}', b'{"a": 2}']) is None


def test_a_key_that_stands_twice_makes_unsure():
    base = b'{"a": 1, "a": 2}'
    assert merge(b"x.json", base, [b'{"a": 1, "a": 3}', b'{"a": 1, "a": 2, "c": 1}']) is None


# --- bookmarks --------------------------------------------------------------------------------

WEATHER = "https://wetter.example/stockholm"


def chromium(merged):
    return json.loads(merged)["roots"]["bookmark_bar"]["children"]


def with_bookmark(data, guid, name):
    """Another bookmark on the bar, with the number that the browser would give next."""
    tree = json.loads(data)
    tree["checksum"] = guid * 4
    tree["roots"]["bookmark_bar"]["children"].append(
        {"guid": guid, "id": "9", "name": name, "type": "url", "url": f"https://{name}.example/"}
    )
    return json.dumps(tree, indent=3).encode()


def test_bookmarks_added_on_two_devices_are_both_there():
    merged = both(
        b"Bookmarks",
        CHROMIUM,
        with_bookmark(CHROMIUM, "a", "one"),
        with_bookmark(CHROMIUM, "b", "two"),
    )
    assert [each["name"] for each in chromium(merged)][-2:] == ["one", "two"]
    assert "checksum" not in json.loads(merged)


def test_a_bookmark_renamed_here_and_moved_there_is_both():
    one = edited(CHROMIUM, ("Wetter", "Das Wetter"))
    tree = json.loads(CHROMIUM)
    bar = tree["roots"]["bookmark_bar"]["children"]
    bar[1]["children"].append(bar.pop(2))
    merged = chromium(both(b"Bookmarks", CHROMIUM, one, json.dumps(tree).encode()))
    assert [each["name"] for each in merged] == ["Finanzamt – Elster", "Reisen"]
    assert [each["name"] for each in merged[1]["children"]] == ["Tarife", "Das Wetter"]


def test_a_bookmark_added_to_a_folder_that_the_other_deleted_keeps_the_folder():
    tree = json.loads(CHROMIUM)
    tree["roots"]["bookmark_bar"]["children"][1]["children"].append(
        {"guid": "n", "id": "9", "name": "neu", "type": "url", "url": "https://neu.example/"}
    )
    other = json.loads(CHROMIUM)
    del other["roots"]["bookmark_bar"]["children"][1]
    merged = both(b"Bookmarks", CHROMIUM, json.dumps(tree).encode(), json.dumps(other).encode())
    folder = next(each for each in chromium(merged) if each["type"] == "folder")
    assert [each["name"] for each in folder["children"]] == ["neu"]


def test_two_folders_moved_into_each_other_are_left_to_a_person():
    base = json.loads(with_bookmark(CHROMIUM, "f", "folder"))
    folder = base["roots"]["bookmark_bar"]["children"][3]
    folder.update(type="folder", children=[])
    one, other = json.loads(json.dumps(base)), json.loads(json.dumps(base))
    bar = one["roots"]["bookmark_bar"]["children"]
    bar[3]["children"].append(bar[1])
    del bar[1]
    bar = other["roots"]["bookmark_bar"]["children"]
    bar[1]["children"].append(bar.pop(3))
    sides = [json.dumps(each).encode() for each in (one, other)]
    assert merge(b"Bookmarks", json.dumps(base).encode(), sides) is None


def test_the_page_merges_by_folder_and_address():
    new = '<DT><A HREF="https://neu.example/" ADD_DATE="1">Neu</A>\n        '
    one = edited(PAGE, ("<HR>", new + "<HR>"))
    other = edited(PAGE, ('TAGS="bahn,preise">Tarife', 'TAGS="bahn">Preise'))
    merged = both(b"bookmarks.html", PAGE, one, other)
    assert merged == edited(
        PAGE, ("<HR>", new + "<HR>"), ('TAGS="bahn,preise">Tarife', 'TAGS="bahn">Preise')
    )


def test_neighbours_on_the_page_do_not_clash():
    one = edited(PAGE, (">Elster<", ">Steuer<"))
    other = edited(PAGE, (">Wetter<", ">Regen<"))
    assert both(b"b.html", PAGE, one, other) == edited(
        PAGE, (">Elster<", ">Steuer<"), (">Wetter<", ">Regen<")
    )


# --- logs -------------------------------------------------------------------------------------


def test_what_both_appended_to_a_log_is_all_there():
    one, other = LOG + b"2024-03-06 a\n", LOG + b"2024-03-06 b\n2024-03-06 c\n"
    assert merge(b"backup.log", LOG, [one, other]) == (
        LOG + b"2024-03-06 a\n2024-03-06 b\n2024-03-06 c\n"
    )


def test_a_log_that_was_cut_off_merges_as_text_or_not_at_all():
    one, other = LOG[LOG.index(b"\n") + 1 :], LOG + b"2024-03-06 b\n"
    assert merge(b"x.log", LOG, [one, other]) == one + b"2024-03-06 b\n"
    assert merge(b"x.log", LOG, [b"fresh\n", other]) is None


def test_a_log_that_was_merged_before_grows_on():
    laptop = LOG + b"l1\n"
    merged = LOG + b"a1\nl1\n"
    merged_on, laptop_on = merged + b"a2\n", laptop + b"l2\n"
    found = merge(b"x.log", laptop, [merged_on, laptop_on])
    assert found == LOG + b"a1\nl1\na2\nl2\n"


def test_shell_histories_grow_on_both_sides():
    base = b"ls\n"
    assert merge(b".bash_history", base, [base + b"cd\n", base + b"ls\n"]) == b"ls\ncd\nls\n"


def test_bytes_that_the_new_encoding_cannot_hold_keep_both():
    base = b"a\nb\nc\nd\ne\n"
    encoded = b"\xff\xfe" + base.decode().encode("utf-16-le")
    assert merge(b"f.txt", base, [encoded, base + b"f \xff\n"]) is None
    assert merge(b"f.txt", base, [base + b"f \xff\n", encoded]) is None
