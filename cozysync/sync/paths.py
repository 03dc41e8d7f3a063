"""Where nodes are, in the words of a person: paths on this device, or of the vault."""

from pathlib import Path

from cozysync.sync.ledger import Ledger
from cozysync.vault.errors import CozyError, ExitCode
from cozysync_conflict import ROOT, NodeId


class NotInFolder(CozyError):
    """A path that lies in no folder that is in sync here."""

    exit_code = ExitCode.USAGE

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is in no folder that is in sync here.",
            "cozysync folder list shows those that are.",
        )


class Paths:
    """Paths for one reading; work of `Ledger.do`."""

    def __init__(self, ledger: Ledger) -> None:
        self._tree = ledger.replica.tree
        self._rows = ledger.replica.folders.list()
        self._names: dict[NodeId, tuple[str, ...]] = {}

    def in_vault(self, node: NodeId) -> str:
        """The path from the vault's folder on, of a node that is shown or was."""
        return "/".join(self._parts(node))

    def here(self, node: NodeId) -> str:
        """The path on this device, or that of the vault for a folder that is not here."""
        folder, *rest = self._parts(node) or ("",)
        row = next((row for row in self._rows if row.name == folder), None)
        return str(row.path.joinpath(*rest)) if row is not None else "/".join((folder, *rest))

    def place(self, path: Path) -> tuple[NodeId, tuple[bytes, ...]]:
        """The vault's folder that holds a path of this device, and the names below it.

        Raises `NotInFolder`.
        """
        for row in self._rows:
            if row.node is not None and path.is_relative_to(row.path):
                names = path.relative_to(row.path).parts
                return row.node, tuple(name.encode("utf-8", "surrogateescape") for name in names)
        raise NotInFolder(path)

    def _parts(self, node: NodeId) -> tuple[str, ...]:
        if node not in self._names:
            self._names[node] = ()  # whatever stands in a circle ends here
            state = self._tree.get(node)
            if node != ROOT and state is not None and state.parent is not None:
                own = state.name.decode("utf-8", "surrogateescape")
                self._names[node] = (*self._parts(state.parent), own)
        return self._names[node]
