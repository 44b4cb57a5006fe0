"""What `--help` teaches: an example that works, and how it ends."""

import re
import shlex
from collections.abc import Iterator, Mapping

import click
import pytest

from services.cli.main import cli, load


def below(group: click.Group) -> Mapping[str, click.Command]:
    """The commands of a group by their names; those of `ragstream` itself are loaded here."""
    return {name: load(name) for name in cli.commands} if group is cli else group.commands


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command under a group, the group included, by the words that call it."""
    yield " ".join(path), group
    for name, command in below(group).items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name)), command


COMMANDS = dict(commands(cli))


def examples(text: str) -> Iterator[list[str]]:
    """The words after `ragstream` of each example, up to | > && # or three spaces."""
    _, _, after = text.partition("Examples:\n")
    joined = after.partition("\n\n")[0].replace("\\\\\n", "").replace("\\\n", "")
    for line in joined.splitlines():
        for part in re.findall(r"\bragstream ((?:(?!\s{3,}|[|>&)]|\s#).)+)", line):
            yield shlex.split(part)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_and_exit_codes(name: str) -> None:
    """A newcomer would guess how it is called, and a script how it ended."""
    text = COMMANDS[name].help or ""
    assert list(examples(text)), "no example"
    assert "Exit status: 0" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_each_option_does(name: str) -> None:
    """An option without a word can only be tried out."""
    options = [one for one in COMMANDS[name].params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []


def test_examples_can_be_typed_as_they_stand() -> None:
    """An example would name a command or an option that is gone."""
    for name, command in COMMANDS.items():
        for words in examples(command.help or ""):
            called, rest = COMMANDS[""], words
            while isinstance(called, click.Group):
                assert rest, f"{name}: {words}"
                called, rest = below(called)[rest[0]], rest[1:]
            called.make_parser(click.Context(called)).parse_args(list(rest))  # refuses what is none
