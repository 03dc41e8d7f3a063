"""The incremental form against the plain rules, over random histories."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cozysync_conflict import ROOT, Kind, apply, kind_of, shown_children, winner
from cozysync_conflict.model import model
from tests.suites.devices import Clock, Device, sync

NAMES = ["a", "b", "c"]

steps = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["mkdir", "write", "move", "delete", "set", "pull", "pull", "swap"]),
        st.integers(0, 30),
        st.integers(0, 30),
        st.sampled_from(NAMES),
    ),
    max_size=40,
)


def everything(device):
    paths = []
    queue = [(ROOT, "")]
    while queue:
        node, path = queue.pop()
        for child in sorted(shown_children(device.store, node), key=lambda c: (c.name, c.id)):
            where = path + child.name.decode()
            if where in paths:
                continue  # while nothing resolves, two nodes may bear one name
            paths.append(where)
            if kind_of(child.id) is Kind.DIRECTORY:
                queue.append((child.id, where + "/"))
    return paths


def directories(device):
    return [p for p in everything(device) if kind_of(device.find(p)) is Kind.DIRECTORY]


def perform(devices, step, resolving):
    who, what, first, second, name = step
    device = devices[who % len(devices)]
    paths = everything(device)
    places = ["", *(p + "/" for p in directories(device))]
    place = places[first % len(places)]
    match what:
        case "mkdir" if not device.exists(place + name):
            device.mkdir(place + name)
        case "write" if not (
            device.exists(place + name) and kind_of(device.find(place + name)) is Kind.DIRECTORY
        ):
            device.write(place + name, with_one_line(device, place + name, first, f"{who}{second}"))
        case "move" if paths:
            old = paths[second % len(paths)]
            new = place + name
            if not device.exists(new) and not (new + "/").startswith(old + "/"):
                device.move(old, new)
        case "swap" if len(paths) > 1:
            one, other = paths[first % len(paths)], paths[second % len(paths)]
            if not (one + "/").startswith(other + "/") and not (other + "/").startswith(one + "/"):
                device.swap(one, other)
        case "delete" if paths:
            device.delete(paths[second % len(paths)])
        case "set" if paths:
            device.set_attribute(paths[second % len(paths)], "x", name.encode())
        case "pull":
            other = devices[first % len(devices)]
            upto = second % (len(other.authored) + 1)
            device.receive(other.authored[:upto], resolving=resolving)
    return


def with_one_line(device, path, at, text):
    """What stands there with one line of five changed: some such edits merge, and some do not."""
    now = winner(device.store, device.find(path)) if device.exists(path) else None
    text_now = now.content.detail.decode() if now is not None else ""
    lines = (text_now or "a\nb\nc\nd\ne\n").splitlines()
    lines[at % len(lines)] = text
    return "".join(line + "\n" for line in lines)


def run(count, history, resolving):
    now = Clock()
    devices = [Device(f"device {n}", now) for n in range(count)]
    for step in history:
        perform(devices, step, resolving)
    return devices


def same_as_model(device, batches):
    expected = model(batches)
    for node, plain in expected.items():
        known = device.store.get(node)
        if known is None:
            assert node == ROOT or not plain.shown
            continue
        assert (known.parent, known.name) == (plain.parent, plain.name)
        assert known.live == plain.live
        assert known.shown == plain.shown
        assert frozenset((h.dot, h.content.digest) for h in known.heads) == plain.heads
        assert tuple(sorted((k, v) for k, (_, v) in known.attributes.items())) == plain.attributes
        assert known.counted_at == (plain.parent if plain.shown else None)


@given(st.integers(2, 4), steps)
@settings(max_examples=150, deadline=None)
def test_the_incremental_state_equals_the_state_computed_from_scratch(count, history):
    devices = run(count, history, resolving=False)
    sync(*devices, resolving=False)
    for device in devices:
        same_as_model(device, [batch for each in devices for batch in each.authored])


@given(st.integers(2, 4), steps)
@settings(max_examples=150, deadline=None)
def test_devices_that_have_everything_show_the_same_tree(count, history):
    devices = run(count, history, resolving=True)
    sync(*devices)
    trees = [device.tree() for device in devices]
    assert all(tree == trees[0] for tree in trees)
    for device in devices:
        same_as_model(device, [batch for each in devices for batch in each.authored])


@given(st.integers(2, 4), steps, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_any_order_that_keeps_each_device_in_order_gives_the_same_state(count, history, random):
    devices = run(count, history, resolving=False)
    queues = [list(device.authored) for device in devices]
    late = Device("late", Clock())
    while any(queues):
        queue = random.choice([q for q in queues if q])
        batch = queue.pop(0)
        apply(late.store, [batch])
        if random.random() < 0.2:
            apply(late.store, [batch])  # repeated delivery
    same_as_model(late, [batch for each in devices for batch in each.authored])


@given(st.integers(2, 3), steps)
@settings(max_examples=100, deadline=None)
def test_every_write_is_shown_superseded_by_one_who_saw_it_or_deleted_by_one_who_saw_it(
    count, history
):
    devices = run(count, history, resolving=True)
    sync(*devices)
    batches = [batch for device in devices for batch in device.authored]
    state = model(batches)
    writes, deletes = {}, []
    for batch in batches:
        for operation in batch.operations:
            action = operation.action
            if type(action).__name__ == "Write":
                writes[operation.dot] = action
            if type(action).__name__ == "Delete":
                deletes.append((batch, operation))
    superseded = {dot for write in writes.values() for dot in write.supersedes}
    shown = {digest for node in state.values() if node.shown for _, digest in node.heads}
    for dot, write in writes.items():
        if dot in superseded or write.content.digest in shown:
            continue
        assert any(
            any(node == write.node for node, _ in operation.action.nodes)
            and batch.context.merged({batch.device: operation.dot.counter - 1}).covers(dot)
            for batch, operation in deletes
        ), f"{write.content.detail!r} is lost"


@given(st.integers(2, 3), steps)
@settings(max_examples=60, deadline=None)
def test_the_resolver_rests_after_one_more_round(count, history):
    devices = run(count, history, resolving=True)
    sync(*devices)
    for device in devices:
        known = {node for batch in device.authored for node in nodes_of(batch)}
        assert device.settle(known) == 0


def nodes_of(batch):
    for operation in batch.operations:
        action = operation.action
        if hasattr(action, "nodes"):
            yield from (node for node, _ in action.nodes)
        else:
            yield action.node


WHAT = ["mkdir", "write", "move", "delete", "set", "pull", "pull", "swap"]


@pytest.mark.parametrize("seed", range(24))
def test_long_histories_converge_and_agree_with_the_model(seed):
    chance = random.Random(seed)
    history = [
        (
            chance.randrange(4),
            chance.choice(WHAT),
            chance.randrange(31),
            chance.randrange(31),
            chance.choice(NAMES),
        )
        for _ in range(120)
    ]
    devices = run(3, history, resolving=True)
    sync(*devices)
    trees = [device.tree() for device in devices]
    assert trees[0] == trees[1] == trees[2]
    for device in devices:
        same_as_model(device, [batch for each in devices for batch in each.authored])


def test_a_rename_by_one_who_knew_of_a_deletion_does_not_revive_what_was_deleted():
    now = Clock()
    ann, bob = Device("ann", now), Device("bob", now)
    ann.mkdir("d")
    ann.write("d/kept", "old")
    ann.write("d/gone", "old")
    sync(ann, bob)
    ann.delete("d")
    bob.write("d/kept", "edited meanwhile")
    sync(ann, bob)
    bob.move("d", "renamed")
    sync(ann, bob)
    assert ann.tree() == bob.tree() == {"renamed": None, "renamed/kept": "edited meanwhile"}


def test_a_rename_that_did_not_know_of_a_deletion_keeps_the_directory_whole():
    now = Clock()
    ann, bob = Device("ann", now), Device("bob", now)
    ann.mkdir("d")
    ann.write("d/a", "x")
    sync(ann, bob)
    ann.delete("d")
    bob.move("d", "e")
    sync(ann, bob)
    assert ann.tree() == bob.tree() == {"e": None, "e/a": "x"}


def test_two_directories_moved_into_each_other_make_no_cycle_and_lose_nothing():
    now = Clock()
    ann, bob = Device("ann", now), Device("bob", now)
    ann.mkdir("d")
    ann.mkdir("e")
    ann.write("d/a", "x")
    ann.write("e/b", "y")
    sync(ann, bob)
    bob.move("e", "d/e")
    ann.move("d", "e/d")
    sync(ann, bob)
    assert ann.tree() == bob.tree()
    assert {"x", "y"} <= set(ann.tree().values())
