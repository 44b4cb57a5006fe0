"""The embedder model's settings."""

from pathlib import Path

import embedder_settings
import generator_settings
import grader_settings
import pytest
from embedder_settings import EmbedderSettings

PARAMETERS = {"threads": {"string_value": "0"}, "batch_tokens": {"string_value": "4096"}}


def test_a_variable_wins_over_the_configuration() -> None:
    """An operator would have to edit a model's folder."""
    settings = EmbedderSettings.read(PARAMETERS, {"RAGSTREAM_TRITON_EMBEDDER_THREADS": "3"})
    assert (settings.threads, settings.batch_tokens) == (3, 4096)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("THREAD", "1", "unknown setting RAGSTREAM_TRITON_EMBEDDER_THREAD; known: "),
        ("BATCH_TOKENS", "8", "BATCH_TOKENS must be from 512 to 1000000, not '8'"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(name: str, value: str, message: str) -> None:
    """A typing error would leave the default in force, unseen."""
    with pytest.raises(ValueError, match=message):
        EmbedderSettings.read(PARAMETERS, {f"RAGSTREAM_TRITON_EMBEDDER_{name}": value})


def test_all_models_read_settings_alike() -> None:
    """A fix in one copy would be missing from the other."""
    modules = (embedder_settings, generator_settings, grader_settings)
    sources = [Path(str(module.__file__)).read_text() for module in modules]
    reading = [source.partition("@classmethod")[2] for source in sources]
    assert reading[0] == reading[1] == reading[2] != ""
