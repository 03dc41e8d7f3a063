"""What must hold whatever happened. Each check yields what is wrong, a sentence each."""

from cozysync_conflict import Kind
from tests.simulation import bounds
from tests.simulation.diary import words
from tests.suites.memory_disk import contents


def tree(device):
    """Path → what stands there, as a person would compare it."""
    return {
        path: (node.kind.name, node.data, node.kind is Kind.FILE and node.executable)
        for path, node in contents(device.files.root).items()
    }


def converged(devices):
    first, *others = devices
    reference = tree(first)
    for other in others:
        shown = tree(other)
        for path in sorted(reference.keys() | shown.keys()):
            if reference.get(path) != shown.get(path):
                yield (
                    f"{path!r} is {_said(reference.get(path))} on {first.name} and "
                    f"{_said(shown.get(path))} on {other.name}"
                )


def nothing_lost(devices, diary):
    shown = set().union(*(words(data) for _, data, _ in tree(devices[0]).values()))
    for name, word in diary.words.items():
        if name not in shown and not word.dismissed and not word.lost_by_power:
            yield f"{name.decode()} was written, nobody who saw it threw it away, and it is gone"


def nothing_back(devices, gone):
    for device in devices:
        for path, (_, data, _) in tree(device).items():
            for name in sorted(words(data) & gone):
                yield f"{name.decode()} was deleted in peace and stands in {path!r}"


def whole_files(device, diary):
    for path, node in contents(device.files.root).items():
        if node.kind is Kind.FILE and not diary.is_whole(node.data):
            yield f"{path!r} on {device.name} holds a piece of a file: {node.data[:60]!r}"


def in_bounds(devices):
    for device in devices:
        yield from (f"{device.name}: {each}" for each in device.strays)
    yield from bounds.real.found


def server_keeps(server):
    yield from server.lacks()


def _said(found):
    return "nothing" if found is None else f"{found[0]} {found[1][:60]!r} {found[2] or ''}"
