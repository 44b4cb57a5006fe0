"""The page's own files: nothing from elsewhere, no markup made of text."""

import re
from pathlib import Path
from typing import Any

import lxml.html
import pytest

from services.console.app import STATIC
from shared.whereabouts import State

SCRIPTS = sorted(STATIC.glob("*.js"))


def page() -> Any:
    return lxml.html.document_fromstring((STATIC / "index.html").read_text("utf-8"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_write_text_and_never_markup(script: Path) -> None:
    """One innerHTML would let a document's words become part of the page."""
    code = re.sub(r"//.*$", "", script.read_text("utf-8"), flags=re.MULTILINE)
    ways = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(")
    assert not [way for way in ways if way in code]


def test_the_page_has_no_script_or_style_inside() -> None:
    """The policy would have to allow what somebody else could write there, too."""
    document = page()
    assert not document.xpath("//style | //script[not(@src)] | //*[@style]")
    assert not document.xpath("//@*[starts-with(name(), 'on')]")


def test_the_page_loads_nothing_from_elsewhere() -> None:
    """Whoever serves that could see who looks, or change what is shown."""
    for file in STATIC.iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"""["'(\s](https?:)?//[\w]""", text), file.name


def test_every_button_and_field_has_a_name() -> None:
    """A screen reader would say "button" and no more."""
    document = page()
    for button in document.xpath("//button"):
        filled_later = button.get("id") == "redrive-all"
        assert button.text_content().strip() or button.get("aria-label") or filled_later
    named = set(document.xpath("//label/@for"))
    for field in document.xpath("//textarea | //select | //input"):
        assert field.get("id") in named or field.xpath("ancestor::label")


def test_every_state_has_a_sign() -> None:
    """A query in a new state would have a question mark in place of its sign."""
    [signs] = re.findall(r"SIGNS = \{(.*?)\}", (STATIC / "dom.js").read_text("utf-8"))
    states = {name for part in State.__args__ for name in getattr(part, "__args__", (part,))}
    assert states <= set(re.findall(r"(\w+):", signs))
