"""A cluster's URL, and who owns a slot. tests/chaos/test_cluster.py has a real cluster."""

import pytest

from shared.cluster import owner_of
from shared.errors import SettingsError
from shared.redis import connect
from shared.settings import CommonSettings, load

SHARDS = [
    [0, 99, [b"one", 1, b"id"], [b"replica", 9, b"id"]],
    [100, 199, [b"", 2, b"id"]],
    [300, 300, [None, 3, b"id"]],
]


@pytest.mark.parametrize(
    ("slot", "found"),
    [
        (0, ("one", 1)),
        (99, ("one", 1)),
        (100, ("asked", 2)),
        (300, ("asked", 3)),
        (200, None),
        (16_383, None),
    ],
)
def test_a_slot_has_one_owner_or_none(slot: int, found: tuple[str, int] | None) -> None:
    """Commands would go to a node that refuses them, or to a host without a name."""
    assert owner_of(slot, SHARDS, "asked") == found


@pytest.mark.parametrize(
    ("url", "namespace"),
    [
        ("redis+cluster://", "{rag}"),
        ("redis+cluster://user@", "{rag}"),
        ("redis+cluster://host:1", "rag"),
        ("rediss+cluster://host:1", ""),
    ],
)
def test_a_cluster_wants_nodes_and_a_namespace_in_braces(url: str, namespace: str) -> None:
    """The keys of a namespace would lie on all nodes, and each commit be refused."""
    with pytest.raises(SettingsError):
        connect(url, namespace=namespace)


@pytest.mark.parametrize(
    ("given", "served", "first"),
    [
        ({}, ("rag",), "rag"),
        ({"NAMESPACE": "{a}"}, ("{a}",), "{a}"),
        ({"NAMESPACES": "{a},{b},{a}"}, ("{a}", "{b}"), "{a}"),
        ({"NAMESPACES": "{a},{b}", "NAMESPACE": "{b}"}, ("{a}", "{b}"), "{b}"),
        ({"NAMESPACES": "", "NAMESPACE": "{b}"}, ("{b}",), "{b}"),
    ],
)
def test_namespaces_are_served(given: dict[str, str], served: tuple[str, ...], first: str) -> None:
    """A namespace would have no worker, or a command look at one that nobody serves."""
    settings = load(CommonSettings, {f"RAGSTREAM_{name}": value for name, value in given.items()})
    assert (settings.served, settings.namespace) == (served, first)


@pytest.mark.parametrize(
    "given",
    [
        {"NAMESPACES": "{a},b c"},
        {"NAMESPACES": "{a},,{b}"},
        {"NAMESPACES": "{a},{b}", "NAMESPACE": "rag"},
        {"NAMESPACES": "{a},b", "REDIS_URL": "redis+cluster://host"},
        {"REDIS_URL": "redis+cluster://host"},
    ],
)
def test_namespaces_that_do_not_fit_are_refused(given: dict[str, str]) -> None:
    """A worker would start, and fail at its first commit."""
    with pytest.raises(SettingsError, match=r"NAMESPACE|braces"):
        load(CommonSettings, {f"RAGSTREAM_{name}": value for name, value in given.items()})
