"""The one settings loader: environment variables `RAGSTREAM_…`, typed, bounded, none unknown.

Each part has a class of its own. Its fields read `RAGSTREAM_<PART>_<FIELD>`; what all parts
share reads `RAGSTREAM_<FIELD>`. A part refuses unknown names among its own and the shared
ones, and leaves those of other parts to them, so that all parts can be given one environment.
"""

import os
import re
import socket
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from shared.errors import SettingsError

PREFIX = "RAGSTREAM_"
# the last ones are for the models inside Triton, which read them themselves
PARTS = (
    "INGESTOR",
    "EMBEDDER",
    "RETRIEVER",
    "GENERATOR",
    "STACK",
    "FETCH",
    "CONSOLE",
    "TRITON_EMBEDDER",
    "TRITON_GENERATOR",
    "TRITON_GRADER",
    "TRITON_RERANKER",
)

_NAMESPACE = r"(\{[\w.-]{1,64}\}|[\w.-]{1,64})"
Port = Annotated[int, Field(ge=0, le=65535)]
Milliseconds = Annotated[int, Field(ge=100, le=3_600_000)]


def _consumer_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class Settings(BaseModel):
    """Base of every part's settings; `prefix` is what the names of its variables begin with."""

    prefix: ClassVar[str] = PREFIX
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        protected_namespaces=(),
        defer_build=True,  # each takes pydantic some 30 ms, and no command reads them all
    )


class CommonSettings(Settings):
    """What every worker and every client shares."""

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        description="Redis, as redis://, rediss:// (TLS) or unix:// URL, or "
        "redis+sentinel://host:port,host:port/master_name/0 or redis+cluster://host:port,host:port "
        "(with TLS rediss+sentinel:// and rediss+cluster://); "
        "an ACL user stands in it, as in redis://embedder@host:6379/0, its password does not.",
        pattern=r"^((rediss?|unix)://|rediss?\+sentinel://[^/?]+/[^/?]+|rediss?\+cluster://[^/?]+)",
    )
    redis_password: SecretStr = Field(SecretStr(""), description="Password of the Redis user.")
    redis_sentinel_password: SecretStr = Field(
        SecretStr(""), description="Password of the sentinels, if they want one."
    )
    redis_ca_file: str = Field(
        "", description="PEM file of who may sign Redis's certificate; empty: the system's list."
    )
    redis_cert_file: str = Field(
        "", description="PEM file of our own certificate, where Redis wants one of its clients."
    )
    redis_key_file: str = Field("", description="PEM file of that certificate's key.")
    triton_url: str = Field(
        "127.0.0.1:8001", description="Triton's gRPC address, host:port.", pattern=r"^[^/]+:\d+$"
    )
    namespace: str = Field(
        "rag",
        description="First part of every key. `{rag}` puts all keys into one hash slot.",
        pattern=rf"^{_NAMESPACE}$",
    )
    namespaces: str = Field(
        "",
        description="Namespaces, separated by commas, that each worker serves and that "
        "SpreadClient spreads questions over, as `{rag-0},{rag-1}`; NAMESPACE must be one of them "
        "and is the first, unless set. Empty: NAMESPACE alone.",
        pattern=r"^([^,]+(,[^,]+)*)?$",
    )
    consumer: str = Field(
        default_factory=_consumer_name,
        description="This worker's name in its consumer groups; unique. Default: host and process.",
        min_length=1,
        max_length=128,
    )
    visibility_timeout_ms: Milliseconds = Field(
        15_000, description="Idle time after which another worker may claim an entry."
    )
    max_attempts: int = Field(
        5, ge=1, le=100, description="Tries of one entry before it is dead-lettered."
    )
    query_retention_s: int = Field(
        86_400, ge=60, description="How long a query id is remembered, so that it is answered once."
    )
    answer_retention_s: int = Field(
        86_400, ge=60, description="How long answers stay on the answers stream."
    )
    tokens_retention_s: int = Field(
        3_600, ge=10, description="How long a query's own token stream stays after its last event."
    )
    grace_period_s: int = Field(
        30, ge=0, le=3_600, description="How long a stopping worker may finish what it holds."
    )
    health_host: str = Field("127.0.0.1", description="Address of /livez, /readyz and /metrics.")
    health_port: Port = Field(8080, description="Port of /livez, /readyz and /metrics.")
    log_level: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="Least severe log line written: DEBUG, INFO, WARNING or ERROR.",
    )
    otlp_url: str = Field(
        "",
        description="OpenTelemetry collector that traces are sent to by OTLP over gRPC, as "
        "http://host:4317 or, for TLS, https://host:4317; empty: no traces.",
        pattern=r"^(https?://[^/@]+/?)?$",
    )
    trace_sample_ratio: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of traces that are kept, of those that begin here. One that a publisher "
        "began is kept if its `traceparent` says so.",
    )

    @property
    def served(self) -> tuple[str, ...]:
        """Every namespace that is served, each once."""
        return tuple(dict.fromkeys((self.namespaces or self.namespace).split(",")))

    @model_validator(mode="before")
    @classmethod
    def _first_namespace(cls, given: dict[str, str]) -> dict[str, str]:
        """Whoever looks at one namespace looks at the first."""
        first = given.get("namespaces", "").partition(",")[0]
        return {"namespace": first, **given} if first else given

    @model_validator(mode="after")
    def _namespaces_fit(self) -> Self:
        if odd := [name for name in self.served if not re.fullmatch(_NAMESPACE, name)]:
            raise ValueError(f"NAMESPACES: {odd[0]!r} is none")
        if self.namespace not in self.served:
            raise ValueError("NAMESPACE is none of NAMESPACES")
        loose = [name for name in self.served if not name.startswith("{")]
        if loose and "+cluster:" in self.redis_url:
            raise ValueError(f"on a Redis Cluster each namespace stands in braces: {{{loose[0]}}}")
        return self

    @model_validator(mode="after")
    def _redis_fits(self) -> Self:
        """What the URL would leave unused was meant otherwise, as TLS files without TLS."""
        files = [self.redis_ca_file, self.redis_cert_file, self.redis_key_file]
        if any(files) and not self.redis_url.startswith("rediss"):
            raise ValueError("REDIS_CA_FILE, _CERT_FILE and _KEY_FILE want a rediss:// REDIS_URL")
        if missing := [file for file in files if file and not Path(file).is_file()]:
            raise ValueError(f"no such REDIS_..._FILE: {', '.join(missing)}")
        if self.redis_sentinel_password.get_secret_value() and "+sentinel:" not in self.redis_url:
            raise ValueError("REDIS_SENTINEL_PASSWORD wants a redis+sentinel:// REDIS_URL")
        return self


class StackSettings(Settings):
    """The local stack of `ragstream up`."""

    prefix: ClassVar[str] = f"{PREFIX}STACK_"

    data_dir: Path = Field(
        Path(".ragstream"), description="Folder of the local stack: data, logs, sockets, password."
    )
    model_repository: Path = Field(
        Path(__file__).parents[1] / "model_repository",
        description="Triton's model repository. Default: the one of this checkout.",
    )
    cache_dir: Path = Field(
        Path(__file__).parents[1] / ".cache",
        description="Where weights are downloaded to. Default: `.cache` of this checkout.",
    )
    redis_port: Port = Field(0, description="Port of Redis; 0 takes a free one.")
    triton_port: Port = Field(0, description="Triton's gRPC port; 0 takes a free one.")
    start_timeout_s: int = Field(
        120, ge=1, le=3_600, description="How long a part may take until it is ready."
    )


S = TypeVar("S", bound=Settings)


def load(kind: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Read one part's settings.

    Args:
        kind: the part's settings class.
        environ: variables to read; the process's own if None.

    Raises:
        SettingsError: a name is unknown, or a value malformed or out of its bounds. The message
            names the variable and never its value where that is a secret.
    """
    environ = os.environ if environ is None else environ
    given = _of_part(environ, kind.prefix)
    _refuse_unknown(given, kind)
    values = {name.removeprefix(kind.prefix).lower(): value for name, value in given.items()}
    try:
        return kind.model_validate(values)
    except ValidationError as exc:
        raise SettingsError(_explain(exc, kind)) from exc


def _of_part(environ: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The variables that one part must know, those of other parts left out."""
    others = tuple(f"{PREFIX}{part}_" for part in PARTS) if prefix == PREFIX else ()
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(prefix) and not name.startswith(others)
    }


def _refuse_unknown(given: Mapping[str, str], kind: type[Settings]) -> None:
    known = [f"{kind.prefix}{field.upper()}" for field in kind.model_fields]
    for name in sorted(set(given) - set(known)):
        near = _near(name, known)
        meant = f": did you mean {near}?" if near else ";"
        raise SettingsError(f"unknown setting {name}{meant} docs/settings.md has all of them")


def _near(name: str, known: Iterable[str]) -> str:
    """What a misspelt name most likely means: a known one, or one of another part; "" if none."""
    part, _, rest = name.removeprefix(PREFIX).partition("_")
    others = [f"{PREFIX}{one}_{rest}" for one in get_close_matches(part, PARTS) if one != part]
    return next(iter(get_close_matches(name, [*known, *others], n=1, cutoff=0.85)), "")


def _explain(exc: ValidationError, kind: type[Settings]) -> str:
    """Each variable, what is wrong with it, and what it is for; never its value."""
    faults = exc.errors(include_input=False, include_url=False)
    return "; ".join(_said(fault["msg"], fault["type"], fault["loc"], kind) for fault in faults)


def _said(words: str, fault: str, place: tuple[int | str, ...], kind: type[Settings]) -> str:
    if not place:  # of several variables together; its words name them
        return f"{kind.prefix}{words.removeprefix('Value error, ')}"
    name = f"{kind.prefix}{'_'.join(str(part) for part in place).upper()}"
    about = kind.model_fields[str(place[0])].description or ""
    if fault == "string_pattern_mismatch":  # a pattern is no help to a person
        return f"{name} cannot be that; it is: {about}"
    return f"{name} {words.replace('Input should be', 'must be')}; it is: {about}"
