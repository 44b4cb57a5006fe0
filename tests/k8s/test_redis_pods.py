"""What Redis's pods read before they start, in a real Redis."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from services.cli.part import WORKERS
from shared.redis import connect
from tests.k8s.manifests import (
    K8S,
    OVERLAYS,
    environment,
    of_kind,
    overlay,
    workloads,
)
from tests.redis_server import running_redis

FOLDER = K8S / "bases" / "redis"


def passwords() -> dict[str, str]:
    """What passwords.sh prints, as the Secret that it becomes."""
    argv = ["/bin/sh", str(FOLDER / "passwords.sh")]
    text = subprocess.run(argv, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own script
    secret: dict[str, dict[str, str]] = yaml.safe_load(text)
    return secret["stringData"]


def prepare(folder: Path, primary: str, **variables: str) -> dict[str, str]:
    """Run what the init container runs on a host of this machine's name; gives the passwords."""
    secret, given = passwords(), folder / "passwords"
    given.mkdir()
    for name, value in secret.items():
        (given / name).write_text(value, "utf-8")
    argv = ["/bin/sh", *map(str, (FOLDER / "prepare.sh", given, folder))]
    named = {**os.environ, "REDIS_PRIMARY": primary, **variables}
    subprocess.run(argv, check=True, env=named)  # noqa: S603 - our own script
    return secret


def here() -> str:
    """This machine's name, as `uname -n` says it."""
    return os.uname().nodename


async def test_redis_starts_with_its_configuration(tmp_path: Path) -> None:
    """The pod would never start, or keep nothing."""
    secret = prepare(tmp_path, here(), MIN_REPLICAS="1")
    text = (FOLDER / "redis.conf").read_text("utf-8").replace("/run/redis", str(tmp_path))
    # the data's folder is the test's; the wheel's search module knows its setting by an older name
    lines = re.sub(r"^(dir|search-).*$", "", text, flags=re.MULTILINE).splitlines()
    folder = tmp_path / "data"
    with running_redis(folder, password=secret["default"], lines=lines) as address:
        async with connect(address.url, address.password) as admin:
            found = {
                name: (await admin.config_get(name))[name]
                for name in ("appendonly", "appendfsync", "maxmemory-policy", "save")
            }
            assert (await admin.config_get("min-replicas-to-write")).popitem()[1] == "1"
            assert set(await admin.acl_users()) == set(secret) - {"scaler-name"}
    assert found == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
    }


@pytest.mark.parametrize("primary", ["", "another"])
def test_only_the_primary_is_no_copy(tmp_path: Path, primary: str) -> None:
    """Two pods would be written to, or none."""
    secret = prepare(tmp_path, primary or here())
    role = (tmp_path / "role.conf").read_text("utf-8")
    assert ("replicaof redis 6379" in role) == bool(primary)
    assert (f'masterauth "{secret["replica"]}"' in role) == bool(primary)
    assert (tmp_path / "users.acl").stat().st_mode & 0o077 == 0


async def test_a_copy_gets_what_the_primary_has(tmp_path: Path) -> None:
    """The user that copies would lack a right, and the copies stay empty."""
    (tmp_path / "primary").mkdir()
    secret = prepare(tmp_path / "primary", here())
    acl = tmp_path / "primary" / "users.acl"
    with running_redis(tmp_path / "one", password=secret["default"], acl=acl) as one:
        async with connect(one.url, one.password) as admin:
            await admin.set("kept", "whole")
            await admin.config_set("repl-diskless-sync-delay", 0)  # waits for more copies
        lines = [
            f"replicaof 127.0.0.1 {one.port}",
            "masteruser replica",
            f'masterauth "{secret["replica"]}"',
            "appendonly no",  # a copy that writes its first file cannot be told to end
        ]
        with running_redis(
            tmp_path / "two", password=secret["default"], acl=acl, lines=lines
        ) as two:
            async with connect(one.url, one.password) as admin:
                assert await admin.wait(1, 20_000) == 1
            async with connect(two.url, two.password) as copy:
                assert await copy.get("kept") == b"whole"


def test_each_user_has_a_password_of_its_own() -> None:
    """Who knows one would know all."""
    secret = passwords()
    assert {*WORKERS, "default", "client", "operator", "scaler", "replica"} <= secret.keys()
    assert len(set(secret.values())) == len(secret)
    assert secret["scaler-name"] == "scaler"


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_password_that_is_asked_for_exists(name: str) -> None:
    """A pod would wait for a key of the Secret that nobody writes."""
    asked = {
        reference["key"]
        for pod in workloads(overlay(name)).values()
        for container in pod.containers
        for variable in container.get("env", ())
        if (reference := variable.get("valueFrom", {}).get("secretKeyRef"))
    }
    keda = {
        target["key"]
        for item in of_kind(overlay(name), "TriggerAuthentication")
        for target in item["spec"]["secretTargetRef"]
    }
    assert asked | keda <= passwords().keys()
    assert set(WORKERS) <= asked


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_service_stands_for_the_primary(name: str) -> None:
    """Workers would write to a copy, which refuses."""
    pod = workloads(overlay(name))["redis"]
    primary = environment(overlay(name), pod.pod["initContainers"][0])["REDIS_PRIMARY"]
    [service] = [s for s in of_kind(overlay(name), "Service") if s["metadata"]["name"] == "redis"]
    assert service["spec"]["selector"]["statefulset.kubernetes.io/pod-name"] == primary
    assert primary == f"{pod.name}-0"
