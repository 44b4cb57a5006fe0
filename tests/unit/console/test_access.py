"""Who is let in to the console, and who may change something."""

import pytest

from services.console.access import Access, OtherOrigin, ReadOnly, Refused, TokenNeeded, WrongHost
from services.console.settings import ConsoleSettings
from shared.errors import SettingsError
from shared.settings import load

TOKEN = "a token of sixteen".replace(" ", "-")
RIGHT = {"authorization": f"Bearer {TOKEN}"}


def settings(**given: str) -> ConsoleSettings:
    return load(ConsoleSettings, {f"RAGSTREAM_CONSOLE_{k.upper()}": v for k, v in given.items()})


def access(**given: str) -> Access:
    return Access.of(settings(**given))


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8090", "localhost", "LOCALHOST:1", "[::1]:8090", "console.example:443"]
)
def test_the_console_is_called_by_its_names(host: str) -> None:
    """An operator behind a port that is forwarded would be sent away."""
    access(hosts="console.example").check_source({"host": host})


@pytest.mark.parametrize(
    "host",
    ["", "evil.example:8090", "127.0.0.1.evil.example", "localhost@evil.example", "[::1", "a:b:c"],
)
def test_a_name_that_was_turned_to_us_is_refused(host: str) -> None:
    """A page anywhere could read every question by DNS rebinding."""
    with pytest.raises(WrongHost):
        access(hosts="console.example").check_source({"host": host})


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://127.0.0.1"]
)
def test_what_another_page_sends_is_refused(origin: str) -> None:
    """A page on another port of this machine could ask in the operator's name."""
    with pytest.raises(OtherOrigin):
        access().check_source({"host": "127.0.0.1:8090", "origin": origin})


def test_our_own_page_may_send() -> None:
    """Nobody could ask."""
    access().check_source({"host": "127.0.0.1:8090", "origin": "http://127.0.0.1:8090"})
    for site in ("same-origin", "none"):
        access().check_own_page({"sec-fetch-site": site})
    access().check_own_page({})


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_data_that_another_page_asks_for_is_refused(site: str) -> None:
    """Another page could measure what ours would show."""
    with pytest.raises(OtherOrigin):
        access().check_own_page({"sec-fetch-site": site})


def test_without_a_token_nobody_changes_anything() -> None:
    """A console that was started to look would let anybody ask."""
    for headers in ({}, {"authorization": "Bearer "}, RIGHT):
        with pytest.raises(ReadOnly):
            access().check_change(headers)
    access().check_read({})


@pytest.mark.parametrize("given", ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"])
def test_only_the_token_lets_change(given: str) -> None:
    """Whoever reaches the page could redrive."""
    rules = access(token=TOKEN)
    with pytest.raises(TokenNeeded):
        rules.check_change({"authorization": given})
    rules.check_change(RIGHT)
    rules.check_change({"authorization": f"bearer {TOKEN}"})


@pytest.mark.parametrize("given", [{"host": "0.0.0.0"}, {"private": "true"}])  # noqa: S104 - what is tested
def test_where_others_could_connect_the_token_is_needed_to_look(given: dict[str, str]) -> None:
    """Everybody in the network, or on a shared machine, could read the questions."""
    rules = access(token=TOKEN, **given)
    with pytest.raises(TokenNeeded):
        rules.check_read({})
    rules.check_read(RIGHT)


def test_a_wrong_token_is_told_also_where_none_is_needed() -> None:
    """A page with the token of an earlier run would look as if it could ask."""
    with pytest.raises(TokenNeeded):
        access(token=TOKEN).check_read({"authorization": "Bearer old"})


@pytest.mark.parametrize(
    "given",
    [
        {"host": "0.0.0.0"},  # noqa: S104 - what is tested
        {"host": "console.example"},
        {"private": "true"},
        {"token": "too short"},
        {"token": "sixteen with blanks in it"},
        {"hosts": "http://console.example/"},
    ],
)
def test_settings_that_are_not_safe_are_refused(given: dict[str, str]) -> None:
    """A typing error would open the page to a network."""
    with pytest.raises(SettingsError):
        settings(**given)


def test_the_token_stays_out_of_representations() -> None:
    """A traceback in a log would give it away."""
    assert TOKEN not in repr(access(token=TOKEN)) + repr(settings(token=TOKEN))


def test_each_refusal_has_a_code_and_a_status_of_its_own() -> None:
    """A page could not tell them apart."""
    kinds = Refused.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(400 <= kind.status < 500 for kind in kinds)
