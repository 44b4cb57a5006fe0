"""Settings of the models inside Triton, from the files that the models themselves read.

A model's folder stands alone in Triton, so it cannot share the workers' settings. Defaults and
descriptions stand in its config.pbtxt, bounds beside the code that checks them.
"""

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2] / "model_repository"
# comment lines, then `{ key: "threads" value { string_value: "0" } }`
_PARAMETER = re.compile(
    r'((?:^ +#.*\n)+) +\{ key: "(\w+)" value \{ string_value: "([^"]*)" \} \}', re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class ModelSetting:
    """One setting.

    Attributes:
        variable: that sets it, in the server's environment.
        default: of config.pbtxt.
        least: smallest value.
        most: greatest value.
        description: the comment in config.pbtxt.
    """

    variable: str
    default: str
    least: float
    most: float
    description: str


def read_settings(model: str, repository: Path = REPOSITORY) -> list[ModelSetting]:
    """A model's settings in the order of its config.pbtxt.

    Raises:
        ValueError: its config.pbtxt and its code don't know the same settings.
    """
    prefix, bounds = _checked(repository / model / "1" / f"{model}_settings.py")
    found = _PARAMETER.findall((repository / model / "config.pbtxt").read_text("utf-8"))
    if [name for _, name, _ in found] != list(bounds):
        raise ValueError(f"{model}: config.pbtxt and the code name other settings: {found}")
    return [
        ModelSetting(
            variable=f"{prefix}{name.upper()}",
            default=default,
            least=bounds[name][0],
            most=bounds[name][1],
            description=" ".join(comment.replace("#", " ").split()),
        )
        for comment, name, default in found
    ]


def _checked(path: Path) -> tuple[str, Mapping[str, tuple[float, float]]]:
    """The prefix and the bounds that a model's code checks."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PREFIX, module.BOUNDS
