"""Settings: typed, bounded, nothing unknown, no secret shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.settings import GeneratorSettings
from shared.errors import SettingsError
from shared.settings import CommonSettings, load


def test_defaults_need_no_environment() -> None:
    """A worker on a laptop would not start without a file of settings."""
    assert load(CommonSettings, {}).namespace == "rag"


def test_unknown_names_are_refused() -> None:
    """A mistyped setting would silently leave its default in force."""
    with pytest.raises(SettingsError, match="RAGSTREAM_REDIS_URI"):
        load(CommonSettings, {"RAGSTREAM_REDIS_URI": "redis://x"})


def test_other_parts_settings_are_left_to_them() -> None:
    """Workers that share one environment would refuse each other's settings."""
    environ = {"RAGSTREAM_GENERATOR_ANSWER_TOKENS": "7", "RAGSTREAM_NAMESPACE": "{a}"}
    assert load(CommonSettings, environ).namespace == "{a}"
    assert load(GeneratorSettings, environ).answer_tokens == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RAGSTREAM_MAX_ATTEMPTS", "0"),
        ("RAGSTREAM_MAX_ATTEMPTS", "many"),
        ("RAGSTREAM_REDIS_URL", "http://x"),
        ("RAGSTREAM_NAMESPACE", "a b"),
        ("RAGSTREAM_LOG_LEVEL", "LOUD"),
    ],
)
def test_values_out_of_bounds_are_refused_by_name(name: str, value: str) -> None:
    """An operator would have to guess which of thirty settings is wrong."""
    with pytest.raises(SettingsError, match=name):
        load(CommonSettings, {name: value})


@given(st.text(min_size=8, alphabet=st.characters(min_codepoint=33, max_codepoint=126)))
def test_a_password_is_never_shown(password: str) -> None:
    """A password would stand in logs, tracebacks and error messages."""
    environ = {"RAGSTREAM_REDIS_PASSWORD": password}
    settings = load(CommonSettings, environ)
    assert settings.redis_password.get_secret_value() == password
    assert password not in repr(settings.redis_password)
    with pytest.raises(SettingsError) as error:
        load(CommonSettings, {**environ, "RAGSTREAM_MAX_ATTEMPTS": "0"})
    assert password not in str(error.value)
