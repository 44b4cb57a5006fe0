"""How we reach Redis: TLS with certificates that are checked, and what is said when it fails."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.errors import RagstreamError, RedisRefused, RedisUnavailable, SettingsError
from shared.redis import check, connect
from shared.redis_url import url_from
from shared.settings import CommonSettings, load
from tests.chaos.servers import free_ports
from tests.redis_server import RedisAddress, running_redis
from tests.tls_proxy import Certificates, make_certificates, tls_before


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def variables(server: RedisAddress, port: int, **more: str) -> dict[str, str]:
    """The settings of a worker that reaches that Redis over TLS."""
    return {
        "RAGSTREAM_REDIS_URL": f"rediss://127.0.0.1:{port}/0",
        "RAGSTREAM_REDIS_PASSWORD": server.password,
        **{f"RAGSTREAM_REDIS_{name.upper()}_FILE": path for name, path in more.items()},
    }


async def outcome(environ: Mapping[str, str]) -> RagstreamError | None:
    """What a start-up check says to these settings."""
    client = connect(url_from(load(CommonSettings, environ)))
    try:
        await check(client)
    except RagstreamError as error:
        return error
    finally:
        await client.aclose()
    return None


async def test_tls_with_our_authority(
    redis_server: RedisAddress, certificates: Certificates
) -> None:
    """Redis could not be reached where the network is not trusted."""
    async with tls_before(redis_server.port, certificates) as port:
        assert await outcome(variables(redis_server, port, ca=certificates.authority)) is None


async def test_a_stranger_is_no_redis(
    redis_server: RedisAddress, certificates: Certificates, tmp_path: Path
) -> None:
    """A password would be sent to whoever answers, and a worker wait for ever without a word."""
    other = make_certificates(tmp_path).authority
    async with tls_before(redis_server.port, certificates) as port:
        for given in ({"ca": other}, {}):
            error = await outcome(variables(redis_server, port, **given))
            assert isinstance(error, RedisRefused)
            assert "RAGSTREAM_REDIS_CA_FILE" in str(error)
            assert redis_server.password not in str(error)


async def test_a_certificate_of_another_host_is_refused(
    redis_server: RedisAddress, tmp_path: Path
) -> None:
    """Any server with a certificate of the same authority could pose as Redis."""
    elsewhere = make_certificates(tmp_path, host="elsewhere.test")
    async with tls_before(redis_server.port, elsewhere) as port:
        error = await outcome(variables(redis_server, port, ca=elsewhere.authority))
    assert isinstance(error, RedisRefused)


async def test_a_client_shows_its_certificate(
    redis_server: RedisAddress, certificates: Certificates
) -> None:
    """A Redis that wants certificates of its clients could not be used."""
    ours = {"ca": certificates.authority}
    both = {**ours, "cert": certificates.client, "key": certificates.client}
    async with tls_before(redis_server.port, certificates, want_client=True) as port:
        assert await outcome(variables(redis_server, port, **both)) is None
        error = await outcome(variables(redis_server, port, **ours))
    # TLS 1.3 tells a client too late: it may see no more than a connection that breaks
    assert isinstance(error, RedisRefused | RedisUnavailable)


async def test_tls_where_redis_speaks_none(redis_server: RedisAddress) -> None:
    """A worker would wait for ever for a Redis that is there."""
    error = await outcome(variables(redis_server, redis_server.port))
    assert isinstance(error, RedisRefused | RedisUnavailable)


@pytest.mark.parametrize(
    ("url", "name", "value"),
    [
        ("redis://127.0.0.1", "CA_FILE", __file__),
        ("rediss://127.0.0.1", "KEY_FILE", "/no/such/file"),
        ("redis://127.0.0.1", "SENTINEL_PASSWORD", "not to be told"),
    ],
)
def test_settings_that_contradict_the_url_are_refused(url: str, name: str, value: str) -> None:
    """An operator would believe in a TLS that is not there."""
    environ = {"RAGSTREAM_REDIS_URL": url, f"RAGSTREAM_REDIS_{name}": value}
    with pytest.raises(SettingsError, match=r"REDIS") as caught:
        load(CommonSettings, environ)
    assert "not to be told" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["redis+sentinel://", "redis+sentinel:///mymaster", "redis+sentinel://host:1/"]
)
def test_a_sentinel_url_names_sentinels_and_a_master(url: str) -> None:
    """A misspelt URL would fail at the first command, in words of a library."""
    with pytest.raises(SettingsError):
        connect(url)
    with pytest.raises(SettingsError):
        load(CommonSettings, {"RAGSTREAM_REDIS_URL": url})


@pytest.mark.parametrize(("password", "said"), [("", "no cluster"), ("wrong", "let us in")])
async def test_what_is_no_cluster_is_named(
    redis_server: RedisAddress, password: str, said: str
) -> None:
    """A worker would wait for ever for a cluster that is none, or that does not let it in."""
    url = f"redis+cluster://127.0.0.1:1,127.0.0.1:{redis_server.port}"
    client = connect(url, password or redis_server.password, namespace="{rag}")
    with pytest.raises(RedisRefused, match=said):
        await check(client)
    await client.aclose()


async def test_a_cluster_over_tls(certificates: Certificates, tmp_path: Path) -> None:
    """The nodes that a cluster names would be spoken to without TLS, or trusted unseen."""
    [bus] = free_ports(1)
    lines = ["cluster-enabled yes", f"cluster-port {bus}"]
    node = running_redis(tmp_path / "node", search=False, password="of one", lines=lines)  # noqa: S106 - a server of its own
    other = make_certificates(tmp_path).authority
    with node as server:
        async with tls_before(server.port, certificates) as port:
            async with connect(server.url, server.password) as admin:
                await admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
                await admin.config_set("cluster-announce-port", port)
            more = {
                "RAGSTREAM_REDIS_URL": f"rediss+cluster://127.0.0.1:{port}",
                "RAGSTREAM_NAMESPACE": "{rag}",
            }
            ours = variables(server, port, ca=certificates.authority)
            assert await outcome({**ours, **more}) is None
            strange = variables(server, port, ca=other)
            assert isinstance(await outcome({**strange, **more}), RedisRefused)


async def test_redis_that_never_syncs_is_named(redis: Any) -> None:
    """Operators would learn from a crash that `appendfsync no` keeps nothing."""
    await redis.config_set("appendfsync", "no")
    try:
        with capture_logs() as lines:
            await check(redis)
    finally:
        await redis.config_set("appendfsync", "everysec")
    assert [line for line in lines if "appendfsync" in line["event"]]
