"""A stream with the pods that work on it: what waits, what is in hand, what was left."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.scaling.deployment import Deployment, Pod
from benchmarks.scaling.keda import Count
from benchmarks.scaling.sharing import Done
from benchmarks.scaling.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Item:
    """One entry: whose it is, and its work in mean entries."""

    number: int
    work: float


class Stage:
    """Entries are taken by who has fewest in hand, oldest first; by nobody whose slots are full.

    Args:
        timeline: its time.
        deployment: who works.
        slots: entries that one pod has in hand at once.
        submit: lets a pod work so much on an entry, and says when that is done.
        on_done: what an entry's end leads to.
    """

    def __init__(
        self,
        timeline: Timeline,
        deployment: Deployment,
        slots: int,
        submit: Callable[[Pod, float, Done], None],
        on_done: Callable[[int], None],
    ) -> None:
        self._timeline, self.deployment, self._slots = timeline, deployment, slots
        self._submit, self._on_done = submit, on_done
        self._waiting: deque[Item] = deque()
        self._left: deque[Item] = deque()  # by a pod that ended: pending, in nobody's hand
        self._in_hand: dict[int, tuple[Pod, Item]] = {}
        deployment.on_ready, deployment.on_late = self._take, self._hand_back

    def add(self, item: Item) -> None:
        """An entry comes."""
        self._waiting.append(item)
        self._take()

    def count(self, count: Count) -> int:
        """What KEDA's trigger would read."""
        lag, pending = len(self._waiting), len(self._in_hand) + len(self._left)
        return {"lag": lag, "pending": pending, "length": lag + pending, "waiting": 0}[count]

    def _hand_back(self, pod: Pod) -> None:
        """A pod's grace is over: what it still has in hand is pending, and in nobody's hand."""
        for owner, item in list(self._in_hand.values()):
            if owner is pod:
                del self._in_hand[item.number]
                self._left.append(item)
        pod.in_hand = 0
        self._take()

    def _take(self) -> None:
        while (source := self._left or self._waiting) and (pod := self._free()):
            self._begin(pod, source.popleft())

    def _free(self) -> Pod | None:
        pod = min(self.deployment.serving, key=lambda one: one.in_hand, default=None)
        return pod if pod and pod.in_hand < self._slots else None

    def _begin(self, pod: Pod, item: Item) -> None:
        pod.in_hand += 1
        self._in_hand[item.number] = (pod, item)
        self._submit(pod, item.work, lambda: self._end(pod, item))

    def _end(self, pod: Pod, item: Item) -> None:
        owner, _ = self._in_hand.get(item.number, (None, None))
        if owner is not pod:  # handed back meanwhile: nothing was committed
            return
        del self._in_hand[item.number]
        pod.in_hand -= 1
        self.deployment.release(pod)
        self._on_done(item.number)
        self._take()


def on_its_own(pod: Pod, work: float, done: Done) -> None:
    """The pod itself does the work."""
    assert pod.server is not None  # noqa: S101 - who is given this has one
    pod.server.add(work, done)
