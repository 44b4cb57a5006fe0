"""The page of settings says what the code says."""

from pathlib import Path

from services.cli.settings_table import render

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_page_is_that_of_the_code() -> None:
    """An operator would look for a setting that is gone, or miss a new one."""
    assert PAGE.read_text("utf-8") == render() + "\n"
