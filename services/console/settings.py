"""Settings of the console, `RAGSTREAM_CONSOLE_…`."""

import ipaddress
from typing import ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from shared.settings import PREFIX, Port, Settings

_LEAST_TOKEN = 16


class ConsoleSettings(Settings):
    """Where the page is served, and who may do what there."""

    prefix: ClassVar[str] = f"{PREFIX}CONSOLE_"

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address that the page is served on; one that is not loopback wants a token, "
        "which is then asked for before anything is shown.",
    )
    port: Port = Field(8090, description="Port of the page; 0 takes a free one.")
    token: SecretStr = Field(
        SecretStr(""),
        description="Who has it may ask, cancel and redrive; at least 16 characters. Without one "
        "the page only shows.",
    )
    private: bool = Field(
        default=False,
        description="Ask for the token before anything is shown, on loopback, too: for a machine "
        "that others use as well.",
    )
    hosts: str = Field(
        "",
        pattern=r"^$|^[\w.:\[\]-]+(,[\w.:\[\]-]+)*$",
        description="Further names that browsers may call the page by, as `console.example.org`.",
    )
    look_every_s: float = Field(
        1.0, ge=0.1, le=60, description="Seconds between two looks at the streams."
    )
    max_question_chars: int = Field(
        4_000, ge=1, le=16_000, description="Longest question that the page takes, in characters."
    )
    answer_timeout_s: float = Field(
        120, ge=1, le=3_600, description="How long the page waits for an answer, in seconds."
    )
    connections: int = Field(
        100, ge=4, le=10_000, description="Most connections at once; each open page holds one."
    )

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        """A token that can be guessed is none, and without one only this machine may look."""
        token = self.token.get_secret_value()
        if token and (len(token) < _LEAST_TOKEN or not token.isascii() or " " in token):
            raise ValueError(f"TOKEN must have {_LEAST_TOKEN} ASCII characters or more, no blanks")
        if not token and (self.private or not self.is_local):
            raise ValueError(f"PRIVATE, or HOST {self.host} where it is not loopback, want a TOKEN")
        return self

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
