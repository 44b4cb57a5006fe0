"""docs/operations.md counts with the numbers that the code has."""

import inspect

from services.cli.model_settings import read_settings
from services.embedder.settings import EmbedderSettings
from services.generator.settings import GeneratorSettings
from services.ingestor.settings import IngestorSettings
from shared.client import RagstreamClient
from shared.settings import load
from tests.documented import DOCS


def test_the_page_has_todays_numbers() -> None:
    """An operator would add workers that have no room, or none where there is."""
    page = " ".join((DOCS / "operations.md").read_text("utf-8").split())
    running = next(one for one in read_settings("generator") if "MAX_RUNNING" in one.variable)
    most = inspect.signature(RagstreamClient).parameters["high_water"].default
    assert f"alone keeps {load(EmbedderSettings, {}).concurrency} entries in hand" in page
    assert f"a generator has {load(GeneratorSettings, {}).concurrency} questions in hand" in page
    assert f"a Triton on a CPU runs {running.default}" in page
    assert f"one has {load(IngestorSettings, {}).concurrency} documents in hand" in page
    assert f"Past {most:,} entries" in page
