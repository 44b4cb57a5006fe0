"""What a ScaledObject says, and what KEDA itself decides: whether there is any pod at all. Pure.

From one pod upwards the HorizontalPodAutoscaler decides, which asks KEDA for the numbers when it
looks; `pollingInterval` and `cooldownPeriod` are about none and one alone (keda.sh, "Scaling
Deployments, StatefulSets & Custom Resources").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from benchmarks.scaling import hpa

# Of a stream: what nobody has taken, what somebody has in hand, both. Of Triton: what waits in it.
Count = Literal["lag", "pending", "length", "waiting"]


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """One trigger.

    Attributes:
        of: the stream, without its namespace, or `triton`.
        count: what is counted.
        target: of one pod, above 0.
    """

    of: str
    count: Count
    target: int


class Scaled(msgspec.Struct, frozen=True, kw_only=True):
    """One ScaledObject; the defaults are KEDA's.

    Attributes:
        least: `minReplicaCount`.
        most: `maxReplicaCount`.
        triggers: none, where the number is fixed.
        window_s: `scaleDown.stabilizationWindowSeconds`.
        polling_s: `pollingInterval`, of no effect where `least` is above 0.
        cooldown_s: `cooldownPeriod`, likewise.
    """

    least: int
    most: int
    triggers: list[Trigger] = []
    window_s: int = 300
    polling_s: int = 30
    cooldown_s: int = 300

    def autoscaler(self) -> hpa.Autoscaler:
        """The HorizontalPodAutoscaler that KEDA makes of it."""
        down = hpa.Rules(self.window_s, hpa.DOWN.policies)
        return hpa.Autoscaler(max(1, self.least), self.most, down=down)


def fixed(replicas: int) -> Scaled:
    """A Deployment with a number of its own."""
    return Scaled(least=replicas, most=replicas)


@dataclass
class Activation:
    """KEDA's own part, of a ScaledObject that may go to none.

    Attributes:
        cooldown_s: silence of all triggers before the last pod goes.
    """

    cooldown_s: float
    _active_s: float | None = None

    def step(self, now_s: float, current: int, counts: Sequence[float]) -> int:
        """Replicas from now on, at one look at all triggers' counts; above one it changes none."""
        if any(count > 0 for count in counts):
            self._active_s = now_s
            return max(current, 1)
        silent = self._active_s is None or now_s - self._active_s > self.cooldown_s
        return 0 if silent else current
