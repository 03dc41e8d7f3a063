"""The vault's folder behind a bound directory: met when it is there, made when it is not."""

from dataclasses import replace

from cozysync.replica import FolderRow
from cozysync.sync.ledger import Ledger
from cozysync_conflict import ROOT, Create, Kind, NodeId, kind_of


def root_of(ledger: Ledger, row: FolderRow) -> NodeId:
    """The node that a folder's directory is bound to, remembered from now on; work of `do`."""
    if row.node is not None:
        return row.node
    name = row.name.encode()
    with ledger.replica.database.transaction():
        there = [
            node
            for node in ledger.replica.tree.named(ROOT, name)
            if kind_of(node) is Kind.DIRECTORY
        ]
        if there:
            node = there[0]
        else:
            node = ledger.new_node(ROOT, name, Kind.DIRECTORY)
            ledger.author([Create(node, ROOT, name)])
        ledger.replica.folders.put(replace(row, node=node))
    return node
