"""What can be named on the command line: files, folders, patterns and addresses."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from services.cli import documents, remote, render
from services.cli.documents import Notice, Source
from services.cli.remote import FetchSettings, RemoteSource

Place = tuple[Path, ...] | str
"""Paths of this machine, or one address."""


class _PlaceType(click.ParamType):  # type: ignore[type-arg]  # no older click has any
    name = "path"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Place:
        if not isinstance(value, str) or remote.is_address(value):
            return value  # type: ignore[no-any-return]  # converted already, or an address
        if Path(value).exists():
            return (Path(value),)
        found = tuple(Path(one) for one in sorted(glob.glob(value, recursive=True)))  # noqa: PTH207 - a pattern may begin with a slash
        if not found:
            self.fail(
                f"there is no file or folder {value!r}, and none that it matches as a pattern",
                param,
                ctx,
            )
        return found


PLACE = _PlaceType()


def lines(file: Iterable[str]) -> Iterator[Place]:
    """The places that a file lists, a line each; empty lines and those with a # are left out."""
    for line in file:
        text = line.strip()
        if text and not text.startswith("#"):
            yield PLACE.convert(text, None, None)


def find(
    places: Sequence[Place], collection: str, settings: FetchSettings, notice: Notice
) -> Iterator[Source | RemoteSource]:
    """The documents at some places, each once: files first, in a steady order.

    Args:
        places: of the command line.
        collection: part of each id.
        settings: which addresses may be fetched.
        notice: told about what is left out on purpose.

    Raises:
        SettingsError, SetupError, UnreadableDocument: see `remote.find`.
        click.UsageError: a place is a pipe or a device, which may never end.
    """
    paths = [path for place in places if isinstance(place, tuple) for path in place]
    for path in paths:
        if not path.is_file() and not path.is_dir():
            shown = render.one_line(str(path))
            raise click.UsageError(f"{shown} is neither a file nor a folder")
    yield from documents.find(paths, collection, notice)
    for url in dict.fromkeys(place for place in places if isinstance(place, str)):
        yield from remote.find(url, collection, settings)
