"""A Deployment's pods: they take a while to start, and end once their hands are empty."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from benchmarks.scaling.sharing import Sharing
from benchmarks.scaling.timeline import Timeline

GRACE_S = 30.0  # RAGSTREAM_GRACE_PERIOD_S


@dataclass(eq=False)
class Pod:
    """One pod.

    Attributes:
        is_ready: it works.
        is_ending: it takes nothing more.
        in_hand: entries or requests it has.
        known: servers that it sends to, as it saw them at `looked_s`.
        turn: how often it has sent.
        server: where its own work is done, if it does any itself.
    """

    is_ready: bool = False
    is_ending: bool = False
    in_hand: int = 0
    known: Sequence["Pod"] = ()
    looked_s: float = float("-inf")
    turn: "itertools.count[int]" = field(default_factory=itertools.count)
    server: Sharing | None = None


class Deployment:
    """Pods of one kind.

    Args:
        timeline: their time.
        start_s: from being wanted until they are ready.
        replicas: how many are there from the beginning, ready.
        server: makes what each works with.
    """

    def __init__(
        self,
        timeline: Timeline,
        start_s: float,
        replicas: int,
        server: Callable[[], Sharing] | None = None,
    ) -> None:
        self._timeline, self._start_s, self._server = timeline, start_s, server
        self.on_ready: Callable[[], None] = lambda: None
        self.on_late: Callable[[Pod], None] | None = None  # None: it may take as long as it needs
        self.pods = [self._pod(is_ready=True) for _ in range(replicas)]
        self._spent_s = self._since_s = 0.0

    def _pod(self, *, is_ready: bool) -> Pod:
        return Pod(is_ready=is_ready, server=self._server() if self._server else None)

    @property
    def replicas(self) -> int:
        """As Kubernetes counts them: starting ones are, ending ones are not."""
        return sum(not pod.is_ending for pod in self.pods)

    @property
    def serving(self) -> list[Pod]:
        """Those that take work."""
        return [pod for pod in self.pods if pod.is_ready and not pod.is_ending]

    def replica_s(self) -> float:
        """Seconds of all pods together until now, starting and ending ones included."""
        self._account()
        return self._spent_s

    def scale(self, replicas: int) -> None:
        """Have so many from now on; those that are not ready go first, then the newest."""
        self._account()
        staying = [pod for pod in self.pods if not pod.is_ending]
        for _ in range(replicas - len(staying)):
            self._start()
        # the order among the ready ones is that of their age
        for pod in sorted(staying, key=lambda pod: not pod.is_ready)[replicas:]:
            pod.is_ending = True
            self._timeline.after(GRACE_S, partial(self._end_late, pod))
            self.release(pod)

    def release(self, pod: Pod) -> None:
        """Let a pod go if it is to end and its hands are empty."""
        if pod.is_ending and not pod.in_hand and pod in self.pods:
            self._account()
            self.pods.remove(pod)

    def _end_late(self, pod: Pod) -> None:
        if pod in self.pods and self.on_late:
            self.on_late(pod)
            self.release(pod)

    def _start(self) -> None:
        pod = self._pod(is_ready=False)
        self.pods.append(pod)

        def ready() -> None:
            pod.is_ready = True
            self.on_ready()

        self._timeline.after(self._start_s, ready)

    def _account(self) -> None:
        self._spent_s += len(self.pods) * (self._timeline.now_s - self._since_s)
        self._since_s = self._timeline.now_s
