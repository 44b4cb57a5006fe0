"""The page of metrics says what the code says."""

from pathlib import Path

from services.cli.metrics_table import render

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_page_is_that_of_the_code() -> None:
    """An operator would alert on a metric that is gone, or miss a new one."""
    assert PAGE.read_text("utf-8") == render() + "\n"
