"""What the resolver asks to be merged, and the answers.

The resolver runs inside a transaction and cannot wait for a server. Contents that stand in their
recipes are merged at once; for others it hears `LATER`, the file keeps its heads, and
`sync/merger.py` fetches the contents and asks again with the answer at hand. An answer depends on
the contents and the name alone, so it does not matter who finds it, or when.
"""

from collections.abc import Callable, Iterable, Iterator

from cozysync.content import Recipe, decode_recipe, inline_content
from cozysync.sync.signal import Signal
from cozysync.vault import VaultKeys
from cozysync_conflict import LATER, Content, Contested, Kind, Later, NodeId, kind_of
from cozysync_conflict.merge import merge
from cozysync_protocol import Malformed

MOST_BYTES = 2 * 1024 * 1024
"""What is larger is kept beside: nobody writes two megabytes by hand, and comparing texts that
have little in common takes the square of their length."""

# Answers are asked for again when other devices' merges arrive; older ones are found again.
_REMEMBERED = 1_000

Question = tuple[bytes, bytes | None, tuple[bytes, ...]]
"""Name, digest of the base, digests of the sides."""


class Merges:
    """The merges of one device. Called by the resolver; see `Merge` there."""

    def __init__(self, keys: Callable[[], VaultKeys]) -> None:
        self._keys = keys
        self._answers: dict[Question, Content | None] = {}
        self._waiting: dict[NodeId, Contested] = {}
        self._has_news = False
        self.asked = Signal()

    def __call__(self, contested: Contested) -> Content | Later | None:
        question = _question(contested)
        if question not in self._answers:
            if not is_candidate(contested):
                return None
            if self._found_at_once(contested) is LATER:
                self._waiting[contested.node] = contested
                self._has_news = True
                return LATER
        return self._answers[question]

    def tell(self) -> None:
        """Wake whoever waits for `asked`; on the event loop, when the asking is committed."""
        if self._has_news:
            self._has_news = False
            self.asked.set()

    def forget(self, nodes: Iterable[NodeId]) -> None:
        """Nodes that the resolver is about to look at again: it asks anew if it still has to."""
        for node in nodes:
            self._waiting.pop(node, None)

    def is_waiting(self, node: NodeId) -> bool:
        """Whether a node's content is still being brought together."""
        return node in self._waiting

    def waiting(self) -> list[Contested]:
        """What has been asked and not answered."""
        return list(self._waiting.values())

    def answer(self, contested: Contested, content: Content | None) -> None:
        """The content that holds all sides, or None when there is none for sure."""
        while len(self._answers) >= _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._answers[_question(contested)] = content

    def _found_at_once(self, contested: Contested) -> Later | None:
        """Whether all contents are here already; the answer is remembered then."""
        recipes = list(recipes_of(contested))
        texts = [recipe.inline for recipe in recipes if recipe.inline is not None]
        if len(texts) < len(recipes):
            return LATER
        merged = merged_bytes(contested, texts)
        content = None
        if merged is not None:
            content = inline_content(self._keys(), merged, newest_time(recipes))
            if content is None:
                return LATER
        self.answer(contested, content)
        return None


def is_candidate(contested: Contested) -> bool:
    """Whether it is worth looking at the contents: files, and none of them too large."""
    if kind_of(contested.node) is not Kind.FILE:
        return False
    try:
        recipes = list(recipes_of(contested))
    except Malformed:
        return False
    return all(recipe.size <= MOST_BYTES and not recipe.lists for recipe in recipes)


def recipes_of(contested: Contested) -> Iterator[Recipe]:
    """The recipes of the sides, and of the base behind them when there is one."""
    for side in contested.sides:
        yield decode_recipe(side.detail)
    if contested.base is not None:
        yield decode_recipe(contested.base.detail)


def merged_bytes(contested: Contested, texts: list[bytes]) -> bytes | None:
    """The merge of what `recipes_of` describes, given in the same order."""
    count = len(contested.sides)
    base = texts[count] if contested.base is not None else None
    return merge(contested.name, base, texts[:count])


def newest_time(recipes: Iterable[Recipe]) -> int:
    """The time that the merged file bears, in nanoseconds since 1970: that of the last edit."""
    return max(recipe.mtime_ns for recipe in recipes)


def _question(contested: Contested) -> Question:
    base = contested.base.digest if contested.base is not None else None
    return contested.name, base, tuple(side.digest for side in contested.sides)
