"""The generator model's settings and what follows from them."""

import dataclasses

import pytest
from decoder import DecoderInfo
from generator_settings import GeneratorSettings
from sizing import size

GIVEN = {
    "threads": "0",
    "runs_at_once": "2",
    "max_running": "4",
    "max_waiting": "8",
    "cache_mib": "64",
    "prefix_cache_mib": "32",
    "chunk_tokens": "256",
    "decode_stall": "1.5",
}
PARAMETERS = {name: {"string_value": text} for name, text in GIVEN.items()}
INFO = DecoderInfo(
    context_tokens=8192,
    layers=8,
    kv_heads=2,
    head_dim=32,
    cache="shared",
    cache_dtype="float32",
    position_ids=False,
    end_token_ids=(0,),
)  # 4 KiB a token


def settings(**variables: str) -> GeneratorSettings:
    names = {f"RAGSTREAM_TRITON_GENERATOR_{name.upper()}": v for name, v in variables.items()}
    return GeneratorSettings.read(PARAMETERS, names)


def test_a_variable_wins_over_the_configuration() -> None:
    """An operator would have to edit a model's folder."""
    assert settings().max_running == 4
    assert settings(max_running="7", decode_stall="2.5").max_running == 7


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_runing", "1", "unknown setting RAGSTREAM_TRITON_GENERATOR_MAX_RUNING"),
        ("max_running", "0", "MAX_RUNNING must be from 1 to 1024, not '0'"),
        ("cache_mib", "2GB", "CACHE_MIB must be from 16 to 10000000, not '2GB'"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(name: str, value: str, message: str) -> None:
    """A typing error would leave the default in force, unseen."""
    with pytest.raises(ValueError, match=message):
        settings(**{name: value})


def test_a_cpu_row_may_be_as_long_as_the_memory_allows() -> None:
    """A long prompt would be refused although the memory is free."""
    sizes = size(settings(), INFO, on_host=True)
    assert (sizes.rows, sizes.capacity_tokens, sizes.cache_tokens) == (4, 8192, 16384)
    assert sizes.prefix_tokens == 8192


def test_rows_on_a_device_share_its_memory() -> None:
    """The device would run out of memory at start."""
    sizes = size(settings(), INFO, on_host=False)
    assert sizes.rows * sizes.capacity_tokens <= sizes.cache_tokens
    assert (sizes.capacity_tokens, sizes.prefix_tokens) == (4096, 0)


def test_a_short_context_is_no_lack_of_memory() -> None:
    """A small model would not start at all."""
    short = dataclasses.replace(INFO, context_tokens=64)
    assert size(settings(), short, on_host=True).capacity_tokens == 64


def test_too_little_memory_is_said_at_start() -> None:
    """Every request would be refused later on."""
    with pytest.raises(ValueError, match="fewer than one chunk"):
        size(settings(cache_mib="16", max_running="1000"), INFO, on_host=False)
