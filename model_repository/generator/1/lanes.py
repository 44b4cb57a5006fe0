"""Two queues served in turn: interactive requests first, bulk ones with a share. Pure."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """Waiting items of two lanes.

    Args:
        share: of so many items taken while both lanes wait, one is from the bulk lane; above 1.
    """

    def __init__(self, share: int = 4) -> None:
        self._share = share
        self._interactive: deque[T] = deque()
        self._bulk: deque[T] = deque()
        self._in_a_row = 0

    def __len__(self) -> int:
        """Items that wait."""
        return len(self._interactive) + len(self._bulk)

    def append(self, item: T, *, bulk: bool) -> None:
        """Add an item behind those of its lane."""
        (self._bulk if bulk else self._interactive).append(item)

    def first(self) -> T:
        """The item whose turn it is; it stays.

        Raises:
            IndexError: none waits.
        """
        return (self._bulk if self._bulk_is_next() else self._interactive)[0]

    def popleft(self) -> T:
        """Take the item whose turn it is.

        Raises:
            IndexError: none waits.
        """
        if self._bulk_is_next():
            self._in_a_row = 0
            return self._bulk.popleft()
        self._in_a_row += 1
        return self._interactive.popleft()

    def remove(self, chosen: Callable[[T], bool]) -> list[T]:
        """Take out all items of which `chosen` says so."""
        taken = [item for lane in (self._interactive, self._bulk) for item in lane if chosen(item)]
        for lane in (self._interactive, self._bulk):
            kept = [item for item in lane if item not in taken]
            lane.clear()
            lane.extend(kept)
        return taken

    def _bulk_is_next(self) -> bool:
        bulk_is_due = self._in_a_row >= self._share - 1
        return bool(self._bulk) and (bulk_is_due or not self._interactive)
