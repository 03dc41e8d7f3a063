"""What a replica says of the vault, to compare with another's."""

from cozysync.replica.snapshot_rows import SECTIONS


def state_of(connection):
    """All rows that a snapshot would hold, by table."""
    return {each.name: [list(row) for row in each.rows(connection)] for each in SECTIONS}
