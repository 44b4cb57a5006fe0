"""Which tests stay together where several processes share them."""

from xdist.scheduler import LoadScopeScheduling

_WITH_SERVERS = ("tests/chaos/", "tests/integration/")


class SharedServers(LoadScopeScheduling):  # type: ignore[misc] # xdist ships no types
    """Whoever starts servers does so in one process; another one takes the other files meanwhile.

    Some servers are shared, and two sets of them at once would want more than a laptop has: what
    is to happen in time would not.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "servers" if nodeid.startswith(_WITH_SERVERS) else nodeid.partition("::")[0]
