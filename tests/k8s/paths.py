"""Who may speak with whom, by the NetworkPolicies. Pure.

Only what the manifests use is understood: labels, `In`, and pods of the same namespace; a peer with
a namespace of its own is left out, for its pods are not ours.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from tests.k8s.manifests import Object, of_kind, workloads

Path = tuple[str, str, int]


def inner_paths(objects: tuple[Object, ...]) -> set[Path]:
    """Paths between our own parts as (from, to, port), that both ends allow."""
    policies = of_kind(objects, "NetworkPolicy")
    pods = {name: workload.labels for name, workload in workloads(objects).items()}
    ports = {rule["port"] for policy in policies for rule in _ports(policy)}
    return {
        (source, target, port)
        for (source, out), (target, into), port in product(pods.items(), pods.items(), ports)
        if _allows(policies, out, into, port, "egress", "to")
        and _allows(policies, into, out, port, "ingress", "from")
    }


def outer_paths(objects: tuple[Object, ...]) -> list[Mapping[str, Any]]:
    """The peers of all rules that are no pods of ours, with the rule's ports."""
    return [
        {"peer": peer, "ports": sorted({rule["port"] for rule in rules["ports"]})}
        for policy in of_kind(objects, "NetworkPolicy")
        for direction, side in (("egress", "to"), ("ingress", "from"))
        for rules in policy["spec"].get(direction, ())
        for peer in rules[side]
        if set(peer) != {"podSelector"}
    ]


def denies_by_default(objects: tuple[Object, ...]) -> bool:
    """Whether a policy shuts every pod in both directions."""
    shut = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return any(policy["spec"] == shut for policy in of_kind(objects, "NetworkPolicy"))


def _ports(policy: Object) -> Iterable[Object]:
    spec = policy["spec"]
    for rules in [*spec.get("egress", ()), *spec.get("ingress", ())]:
        yield from rules["ports"]


def _allows(
    policies: Iterable[Object],
    own: Mapping[str, str],
    other: Mapping[str, str],
    port: int,
    direction: str,
    side: str,
) -> bool:
    return any(
        port in {rule["port"] for rule in rules["ports"]}
        and any(set(p) == {"podSelector"} and _fits(p["podSelector"], other) for p in rules[side])
        for policy in policies
        if _fits(policy["spec"]["podSelector"], own)
        for rules in policy["spec"].get(direction, ())
    )


def _fits(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a selector means a pod with these labels."""
    wanted = selector.get("matchLabels", {}).items()
    among = selector.get("matchExpressions", ())
    return wanted <= labels.items() and all(
        rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"] for rule in among
    )
