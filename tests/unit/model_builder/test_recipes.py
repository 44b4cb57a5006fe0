"""A built model is outdated as soon as any code that shaped it has changed."""

import ast
from pathlib import Path

import pytest

from services.model_builder import recipes

PACKAGE = "services.model_builder"
DECODER = ("chat", "decoder_graph", "info")
HERE = Path(recipes.__file__).parent


def imported(module: str) -> set[str]:
    """Modules of the package that one of them imports itself."""
    tree = ast.parse((HERE / f"{module}.py").read_text())
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    whole = {alias.name for node in froms if node.module == PACKAGE for alias in node.names}
    parts = {node.module or "" for node in froms}
    return whole | {part.removeprefix(f"{PACKAGE}.") for part in parts if f"{PACKAGE}." in part}


def reached(*modules: str) -> set[str]:
    """Modules, and all of the package that they import, one through the other."""
    found: set[str] = set()
    waiting = set(modules)
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= imported(module) - found
    return found


@pytest.mark.parametrize(
    ("code", "entries"),
    [
        (recipes.EMBEDDER_CODE, ("bert", "info", "manifest", "sources")),
        (
            recipes.GRADER_CODE,
            ("bert", "grader_graph", "grader_weights", "info", "manifest", "sources"),
        ),
        (recipes.GENERATOR_CODE, ("adapter", "gguf_decoder", *DECODER, "manifest", "sources")),
        (recipes.HF_CODE, ("hf_decoder", *DECODER, "manifest", "sources")),
        (recipes.FOLDER_CODE, ("folder",)),
    ],
)
def test_all_code_that_shapes_a_model_is_hashed(
    code: tuple[str, ...], entries: tuple[str, ...]
) -> None:
    """A mended builder would leave the models as they were, wrong ones included."""
    assert set(code) == reached(*entries) | {"recipes"}


def test_every_module_that_recipes_use_shapes_some_model() -> None:
    """A new module could be forgotten in the lists."""
    code = (
        *(recipes.EMBEDDER_CODE, recipes.GENERATOR_CODE, recipes.GRADER_CODE),
        *(recipes.HF_CODE, recipes.FOLDER_CODE),
    )
    every = {module for modules in code for module in modules}
    assert reached("recipes") == every
