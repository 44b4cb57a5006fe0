"""The page of settings says what the code says."""

from pathlib import Path

import pytest

from services.cli.model_settings import read_settings
from services.cli.settings_table import render

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_page_is_that_of_the_code() -> None:
    """An operator would look for a setting that is gone, or miss a new one."""
    assert PAGE.read_text("utf-8") == render() + "\n"


def test_a_setting_of_a_model_is_known_to_its_code(tmp_path: Path) -> None:
    """The page would name a variable at which the model refuses to load."""
    folder = tmp_path / "toy" / "1"
    folder.mkdir(parents=True)
    (folder / "toy_settings.py").write_text('PREFIX, BOUNDS = "TOY_", {"speed": (1, 9)}')
    config = folder.parent / "config.pbtxt"
    parameter = '  { key: "speed" value { string_value: "2" } }\n'
    config.write_text(f"  # How fast,\n  # in all.\n{parameter}")
    [setting] = read_settings("toy", tmp_path)
    assert (setting.variable, setting.default, setting.most) == ("TOY_SPEED", "2", 9)
    assert setting.description == "How fast, in all."
    config.write_text(f"  # How fast.\n{parameter}".replace("speed", "haste"))
    with pytest.raises(ValueError, match="and the code name other settings"):
        read_settings("toy", tmp_path)
