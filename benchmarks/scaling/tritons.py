"""The Tritons behind one name, as workers come to know them."""

from benchmarks.scaling.deployment import Deployment, Pod
from benchmarks.scaling.sharing import Done
from benchmarks.scaling.timeline import Timeline

LOOK_S = 60.0  # --grpc-max-connection-age: a connection ends, and the name is looked up again


class Tritons:
    """Each worker sends to those that it knows, in turn; it looks around once a minute.

    Args:
        timeline: their time.
        deployment: the Tritons.
    """

    def __init__(self, timeline: Timeline, deployment: Deployment) -> None:
        self._timeline, self.deployment = timeline, deployment

    def submit(self, worker: Pod, work: float, done: Done) -> None:
        """Let a Triton do a worker's work."""
        triton = self._next(worker)
        triton.in_hand += 1

        def finished() -> None:
            triton.in_hand -= 1
            self.deployment.release(triton)
            done()

        assert triton.server is not None  # noqa: S101 - made with one, in world.py
        triton.server.add(work, finished)

    def waiting(self) -> int:
        """Questions without a row, of all Tritons."""
        return sum(pod.server.waiting for pod in self.deployment.pods if pod.server)

    def _next(self, worker: Pod) -> Pod:
        now_s = self._timeline.now_s
        known = [pod for pod in worker.known if not pod.is_ending]
        if not known or now_s - worker.looked_s >= LOOK_S:
            worker.known, worker.looked_s = self.deployment.serving, now_s
            known = self.deployment.serving
        return known[next(worker.turn) % len(known)]
