"""The arithmetic of Kubernetes' HorizontalPodAutoscaler, as it is documented. Pure.

kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale has the formula and the tolerance,
enhancement 853 the windows and the policies; tests hold this to the examples of both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

SYNC_S: Final = 15.0  # --horizontal-pod-autoscaler-sync-period
TOLERANCE: Final = 0.1  # --horizontal-pod-autoscaler-tolerance


@dataclass(frozen=True, slots=True)
class Policy:
    """How much may change within a time: so many pods, or so many percent of them."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_s: float


@dataclass(frozen=True, slots=True)
class Rules:
    """One direction's behaviour.

    Attributes:
        window_s: `stabilizationWindowSeconds`.
        policies: limits of speed.
        select: the policy that allows most, or least, or no change at all.
    """

    window_s: float
    policies: tuple[Policy, ...]
    select: Literal["Max", "Min", "Disabled"] = "Max"


# What holds where a ScaledObject says nothing.
UP: Final = Rules(0, (Policy("Percent", 100, 15), Policy("Pods", 4, 15)))
DOWN: Final = Rules(300, (Policy("Percent", 100, 15),))


def proposal(metric: float, target: float, replicas: int, tolerance: float = TOLERANCE) -> int:
    """Replicas by one external metric of type AverageValue, which KEDA's triggers are.

    Args:
        metric: its value for all pods together.
        target: what one pod is to have, above 0.
        replicas: how many there are, not yet ready ones included, above 0.
        tolerance: deviations from the target up to this share change nothing.
    """
    if 1.0 - tolerance <= metric / (target * replicas) <= 1.0 + tolerance:
        return replicas
    return math.ceil(metric / target)


@dataclass
class Autoscaler:
    """One HorizontalPodAutoscaler: what it remembers, and its next word.

    Attributes:
        least: `minReplicas`, above 0.
        most: `maxReplicas`.
        up: behaviour when more are wanted.
        down: behaviour when fewer are.
    """

    least: int
    most: int
    up: Rules = UP
    down: Rules = DOWN
    _recommended: list[tuple[float, int]] = field(default_factory=list)
    _changed: list[tuple[float, int]] = field(default_factory=list)

    def step(self, now_s: float, current: int, proposals: Sequence[int]) -> int:
        """Replicas from now on: the largest proposal, held back by windows and policies."""
        stable = self._stabilized(now_s, current, max(proposals))
        limit = self._limit(now_s, current, stable)
        allowed = min(stable, limit) if stable > current else max(stable, limit)
        chosen = min(max(allowed, self.least), self.most)
        if chosen != current:
            self._changed.append((now_s, chosen - current))
        return chosen

    def _stabilized(self, now_s: float, current: int, wanted: int) -> int:
        """The least of what was wanted lately for going up, the most for going down."""
        seen = self._recommended or [(now_s, current)]
        longest_s = max(self.up.window_s, self.down.window_s)
        self._recommended = [one for one in seen if one[0] > now_s - longest_s]
        self._recommended.append((now_s, wanted))
        floor = min([wanted, *self._within(now_s, self.up.window_s)])
        ceiling = max([wanted, *self._within(now_s, self.down.window_s)])
        return min(max(current, floor), ceiling)

    def _within(self, now_s: float, window_s: float) -> list[int]:
        return [count for at_s, count in self._recommended if at_s > now_s - window_s]

    def _limit(self, now_s: float, current: int, wanted: int) -> int:
        rules, sign = (self.up, 1) if wanted > current else (self.down, -1)
        if rules.select == "Disabled" or wanted == current:
            return current
        limits = [self._reach(now_s, current, policy, sign) for policy in rules.policies]
        furthest = (rules.select == "Max") == (sign > 0)
        found = max(limits) if furthest else min(limits)
        return max(found, current) if sign > 0 else min(found, current)

    def _reach(self, now_s: float, current: int, policy: Policy, sign: int) -> int:
        """How far one policy lets it go, from where it was when the policy's period began."""
        lately = sum(change for at_s, change in self._changed if at_s > now_s - policy.period_s)
        began = current - lately
        if policy.kind == "Pods":
            return began + sign * policy.value
        if sign > 0:
            return math.ceil(began * (100 + policy.value) / 100)
        return began * (100 - policy.value) // 100
