"""Who came from whom: the versions of one file as a graph, and what its heads stand for.

How to think about it. A person's edit supersedes the one content that was on the disk. Only the
resolver supersedes several different contents at once; what it wrote stands for the versions that
people wrote, its *leaves*: all of them when it merged them, the chosen one when it kept the others
beside. A conflict is always settled from the leaves, so devices that learned of three edits in
different order, and merged two of them each in its own way, still come to the same.

Versions of equal content are one version here: two devices that merge the same two versions write
the same merge under two dots, and an edit of the one has seen the other.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from cozysync_conflict.clock import Dot, Stamp
from cozysync_conflict.operations import Content
from cozysync_conflict.store import Head, Version

V = TypeVar("V", Head, Version)


class Ancestry(NamedTuple):
    """What several versions came from. `known` is False when no single version is it."""

    base: Content | None
    known: bool


class Lineage:
    """The graph of one file's versions."""

    def __init__(self, versions: Iterable[Version]) -> None:
        self._versions = {version.dot: version for version in versions}
        self._pasts: dict[Dot, frozenset[bytes]] = {}

    def standing(self, heads: Sequence[Head]) -> list[Head]:
        """The heads that are really apart, the one to show last.

        One for each content, and none whose content another head's author had seen already. What
        the resolver wrote ranks by the newest edit that it stands for, not by when it was written.
        """
        ranked = {head.content.digest: head for head in sorted(heads, key=self._rank)}
        different = list(ranked.values())
        if len(different) < 2:
            return different
        return sorted(self._unseen(different), key=self._rank)

    def leaves(self, heads: Iterable[Head | Version]) -> list[Version]:
        """The versions that people wrote and that these heads stand for, in order of stamps."""
        found: dict[bytes, Version] = {}
        for head in heads:
            for leaf in self._leaves_of(head.dot):
                known = found.setdefault(leaf.content.digest, leaf)
                if leaf.stamp < known.stamp:
                    found[leaf.content.digest] = leaf
        leaves = self._unseen(list(found.values()))
        return sorted(leaves, key=lambda leaf: leaf.stamp)

    def ancestry(self, leaves: Sequence[Version]) -> Ancestry:
        """What all of these came from: the newest version that all of their authors had seen."""
        first, *others = [self._past(leaf.dot) for leaf in leaves]
        common = first.intersection(*others)
        shared = [each for each in self._versions.values() if each.content.digest in common]
        if not shared:
            return Ancestry(None, known=True)
        base = max(shared, key=lambda each: each.stamp)
        twins = [each for each in shared if each.content.digest == base.content.digest]
        behind = {base.content.digest}.union(*(self._past(each.dot) for each in twins))
        return Ancestry(base.content, known=common <= behind and bool(base.content.detail))

    def is_resolved(self, dot: Dot) -> bool:
        """Whether the resolver wrote this version: it supersedes several contents."""
        return len({each.content.digest for each in self._before(dot)}) > 1

    def has_seen(self, dot: Dot, other: Dot) -> bool:
        """Whether the author of one version had seen the content of another one."""
        version = self._versions.get(other)
        return version is not None and version.content.digest in self._past(dot)

    # --- inside ----------------------------------------------------------------------------

    def _before(self, dot: Dot) -> list[Version]:
        version = self._versions.get(dot)
        before = version.supersedes if version is not None else ()
        return [self._versions[each] for each in before if each in self._versions]

    def _past(self, dot: Dot) -> frozenset[bytes]:
        """The digests of everything that the author of a version had seen of this file."""
        known = self._pasts.get(dot)
        if known is None:
            seen: set[Dot] = set()
            queue = [dot]
            while queue:
                for version in self._before(queue.pop()):
                    if version.dot not in seen:
                        seen.add(version.dot)
                        queue.append(version.dot)
            known = frozenset(self._versions[each].content.digest for each in seen)
            self._pasts[dot] = known
        return known

    def _leaves_of(self, dot: Dot) -> list[Version]:
        version = self._versions.get(dot)
        if version is None:
            return []
        if not self.is_resolved(dot):
            return [version]
        before = self._before(dot)
        chosen = [each for each in before if each.content.digest == version.content.digest]
        return [leaf for each in chosen or before for leaf in self._leaves_of(each.dot)]

    def _rank(self, head: Head) -> tuple[Stamp, bytes]:
        stamps = [leaf.stamp for leaf in self._leaves_of(head.dot)]
        return max(stamps, default=head.stamp), head.content.digest

    def _unseen(self, versions: list[V]) -> list[V]:
        """Those that none of the others had seen; two that had seen each other both stay."""

        def seen_by(one: V, other: V) -> bool:
            return one.content.digest in self._past(other.dot)

        return [
            one
            for one in versions
            if not any(
                seen_by(one, other) and not seen_by(other, one)
                for other in versions
                if other is not one
            )
        ]
