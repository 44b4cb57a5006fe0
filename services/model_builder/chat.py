"""What a model's chat template puts around one user's turn.

Templates are Jinja programs that come with weights. They run here, once, in Jinja's sandbox, so
that neither Triton nor a worker has to run them for each question.
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.model_builder.info import ChatTurn
from shared.errors import ModelBuildError

PLACE = "RAGSTREAM TEXT"  # stands for the user's words while the template is rendered


def turn(template: str | None, special_tokens: Mapping[str, str]) -> ChatTurn | None:
    """Render a template around one user's turn.

    Args:
        template: Jinja source, None for a model that was not taught to chat.
        special_tokens: by the names that templates use, such as `bos_token`.

    Raises:
        ModelBuildError: the template fails, or does not show the user's words exactly once.
    """
    if template is None:
        return None
    try:
        text = _render(template, special_tokens)
    except (TemplateError, TypeError, ValueError, AttributeError, KeyError) as exc:
        raise ModelBuildError(f"the chat template cannot be rendered: {exc}") from exc
    before, *after = text.split(PLACE)
    if len(after) != 1:
        raise ModelBuildError(
            f"the chat template shows a user's words {len(after)} times, not once"
        )
    return ChatTurn(before=before, after=after[0])


def _render(template: str, special_tokens: Mapping[str, str]) -> str:
    """As transformers renders it. No clock is offered, so the same weights give the same text."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _refuse
    return environment.from_string(template).render(
        messages=[{"role": "user", "content": PLACE}],
        add_generation_prompt=True,
        tools=None,
        documents=None,
        **special_tokens,
    )


def _refuse(message: Any) -> None:
    raise TemplateError(str(message))
