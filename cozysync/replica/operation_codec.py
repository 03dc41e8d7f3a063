"""Operations as rows of plain values, and back: the inner part of a sealed body.

A row is `(kind, time since the row before, …fields)`. Written so that ten thousand operations
take tens of milliseconds: one table of functions each way, no layers in between.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cozysync.replica.body_limits import (
    MAX_ATTRIBUTE_KEY,
    MAX_ATTRIBUTE_VALUE,
    MAX_DELETE_NODES,
    MAX_DETAIL,
    MAX_NAME,
    MAX_OPERATIONS,
    MAX_SUPERSEDED,
)
from cozysync_conflict import (
    Action,
    Content,
    Create,
    Delete,
    Dot,
    Move,
    NodeId,
    Operation,
    SetAttribute,
    Stamp,
    Write,
)
from cozysync_protocol import MAX_INTEGER, Malformed

Row = tuple[Any, ...]

_CREATE, _MOVE, _WRITE, _ATTRIBUTE, _DELETE = 1, 2, 3, 4, 5
_DEVICE_BYTES = 16
_NODE_BYTES = 16
_DIGEST_BYTES = 32
# The first byte of a node says what it is; these are directory, file, link.
_DIRECTORY, _KINDS = 1, frozenset((1, 2, 3))


class OperationWriter:
    """Turns the operations of one batch into rows, filling the tables of devices and nodes."""

    def __init__(self, author: bytes) -> None:
        self._author = author
        self._devices = {author: 0}
        self._nodes: dict[NodeId, int] = {}
        self._rows: dict[type, Callable[[Any, int], Row]] = {
            Create: self._create,
            Move: self._move,
            Write: self._write,
            SetAttribute: self._attribute,
            Delete: self._delete,
        }

    def device(self, device: bytes) -> int:
        """The device's number in the table."""
        return self._devices.setdefault(device, len(self._devices))

    def devices(self) -> bytes:
        """The table: 16 bytes each, the author first."""
        return b"".join(self._devices)

    def operations(self, operations: Sequence[Operation]) -> list[Row]:
        """One row each; raises `ValueError` for a stamp or dot that is not the author's next."""
        rows: list[Row] = []
        if not operations:
            return rows
        counter, time = operations[0].dot.counter, operations[0].stamp.time
        for stamp, dot, action in ((each.stamp, each.dot, each.action) for each in operations):
            if dot != (self._author, counter) or stamp.device != self._author:
                raise ValueError(f"{dot} stamped {stamp} is not the author's dot {counter}")
            rows.append(self._rows[type(action)](action, stamp.time - time))
            counter, time = counter + 1, stamp.time
        return rows

    def _node(self, node: NodeId) -> NodeId | int:
        number = self._nodes.get(node)
        if number is None:
            self._nodes[node] = len(self._nodes)
            return node
        return number

    def _create(self, action: Create, delta: int) -> Row:
        return _CREATE, delta, self._node(action.node), self._node(action.parent), action.name

    def _move(self, action: Move, delta: int) -> Row:
        return _MOVE, delta, self._node(action.node), self._node(action.parent), action.name

    def _write(self, action: Write, delta: int) -> Row:
        superseded: list[int] = []
        for device, counter in action.supersedes:
            superseded += (self.device(device), counter)
        content = action.content
        return _WRITE, delta, self._node(action.node), content.digest, content.detail, superseded

    def _attribute(self, action: SetAttribute, delta: int) -> Row:
        return _ATTRIBUTE, delta, self._node(action.node), action.key, action.value

    def _delete(self, action: Delete, delta: int) -> Row:
        device, counter = action.group
        nodes: list[NodeId | int] = []
        root = self._node(action.root)
        for node, parent in action.nodes:
            nodes += (self._node(node), self._node(parent))
        return _DELETE, delta, self.device(device), counter, root, nodes


class OperationReader:
    """Turns rows into the operations of one batch, checking every field.

    Methods raise `Malformed`, or the `ValueError`, `TypeError` and `IndexError` of a shape that
    does not unpack, which the caller takes for the same.
    """

    def __init__(self, devices: Any) -> None:
        table = _bytes(devices, len(devices))
        if not table or len(table) % _DEVICE_BYTES:
            raise Malformed("a sealed body has a cut table of devices")
        starts = range(0, len(table), _DEVICE_BYTES)
        self._devices = [table[at : at + _DEVICE_BYTES] for at in starts]
        self.author = self._devices[0]
        self._nodes: list[NodeId] = []
        self._actions: dict[int, Callable[[Row], Action]] = {
            _CREATE: self._create,
            _MOVE: self._move,
            _WRITE: self._write,
            _ATTRIBUTE: self._attribute,
            _DELETE: self._delete,
        }

    def device(self, number: Any) -> bytes:
        """The device of that number in the table."""
        return self._devices[self.count(number)]

    def count(self, value: Any) -> int:
        """A number from 0 to the largest that a database keeps."""
        if type(value) is not int or not 0 <= value <= MAX_INTEGER:
            raise Malformed(f"a sealed body has {value!r:.40} where a number belongs")
        return value

    def operations(self, rows: Any, first: Any, time: Any) -> tuple[Operation, ...]:
        """The operations of all rows, the first with dot `first` and time `time`."""
        if type(rows) is not tuple or len(rows) > MAX_OPERATIONS:
            raise Malformed("a sealed body has too many operations, or none where they belong")
        counter, time = self.count(first), self.count(time)
        author, actions = self.author, self._actions
        found: list[Operation] = []
        for row in rows:
            time += row[1]
            action = actions[row[0]](row)
            found.append(Operation(Stamp(time, author), Dot(author, counter), action))
            counter += 1
            if type(time) is not int or not 0 <= time <= MAX_INTEGER:
                raise Malformed("a sealed body has an operation outside of time")
        self.count(counter)
        if rows and not first:
            raise Malformed("a sealed body counts dots from 0")
        return tuple(found)

    def _node(self, value: Any) -> NodeId:
        if type(value) is bytes:
            if len(value) != _NODE_BYTES or value[0] not in _KINDS:
                raise Malformed("a sealed body has something else where a node belongs")
            node = NodeId(value)
            self._nodes.append(node)
            return node
        return self._nodes[self.count(value)]

    def _parent(self, value: Any) -> NodeId:
        node = self._node(value)
        if node[0] != _DIRECTORY:
            raise Malformed("a sealed body puts a node into something that is no directory")
        return node

    def _create(self, row: Row) -> Action:
        _, _, node, parent, name = row
        return Create(self._node(node), self._parent(parent), _name(name))

    def _move(self, row: Row) -> Action:
        _, _, node, parent, name = row
        return Move(self._node(node), self._parent(parent), _name(name))

    def _write(self, row: Row) -> Action:
        _, _, node, digest, detail, superseded = row
        if len(_bytes(digest, _DIGEST_BYTES)) != _DIGEST_BYTES:
            raise Malformed("a sealed body has a write with a cut digest")
        if len(superseded) > 2 * MAX_SUPERSEDED:
            raise Malformed("a sealed body has a write that supersedes too many versions")
        content = Content(digest, _bytes(detail, MAX_DETAIL))
        dots = tuple([self._dot(*pair) for pair in pairs(superseded)])
        return Write(self._node(node), content, dots)

    def _attribute(self, row: Row) -> Action:
        _, _, node, key, value = row
        if type(key) is not str or not 0 < len(key) <= MAX_ATTRIBUTE_KEY:
            raise Malformed("a sealed body has an attribute without a proper key")
        return SetAttribute(self._node(node), key, _bytes(value, MAX_ATTRIBUTE_VALUE))

    def _delete(self, row: Row) -> Action:
        _, _, device, counter, root, flat = row
        if len(flat) > 2 * MAX_DELETE_NODES:
            raise Malformed("a sealed body has a delete of too many nodes")
        group, top = self._dot(device, counter), self._node(root)
        nodes = [(self._node(node), self._parent(parent)) for node, parent in pairs(flat)]
        return Delete(group, top, tuple(nodes))

    def _dot(self, device: Any, counter: Any) -> Dot:
        if not self.count(counter):
            raise Malformed("a sealed body names a dot 0")
        return Dot(self.device(device), counter)


def size_of(action: Action) -> int:
    """The most bytes that an operation with this action takes, before compression."""
    overhead, reference, pair = 32, 18, 14
    match action:
        case Create() | Move():
            return overhead + 2 * reference + len(action.name)
        case Write():
            size = _DIGEST_BYTES + len(action.content.detail) + pair * len(action.supersedes)
            return overhead + reference + size
        case SetAttribute():
            return overhead + reference + 4 * len(action.key) + len(action.value)
        case Delete():
            return overhead + pair + reference * (1 + 2 * len(action.nodes))


def pairs(flat: Any) -> Iterable[tuple[Any, Any]]:
    """The two-by-two of a flat list; raises `Malformed` for half a pair or no list."""
    if type(flat) is not tuple or len(flat) % 2:
        raise Malformed("a sealed body has half a pair")
    return zip(flat[::2], flat[1::2], strict=True)


def _bytes(value: Any, longest: int) -> bytes:
    if type(value) is not bytes or len(value) > longest:
        raise Malformed("a sealed body has something else, or too much, where bytes belong")
    return value


def _name(value: Any) -> bytes:
    if type(value) is not bytes or not 0 < len(value) <= MAX_NAME:
        raise Malformed("a sealed body has a name that is empty or too long")
    if b"/" in value or b"\0" in value or value in (b".", b".."):
        raise Malformed("a sealed body has a name that no directory can hold")
    return value
