"""Chat templates become what stands before and after a user's words."""

import re

import pytest

from services.model_builder.chat import turn
from shared.errors import ModelBuildError

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
LLAMA2 = (
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + message['content'].strip() + ' [/INST]' }}{% endif %}{% endfor %}"
)
QWEN2 = """{%- if tools %}
    {{- 'tools' }}
{%- else %}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- if loop.last %}{% break %}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
DATED = "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% endif %}" + LLAMA2


@pytest.mark.parametrize(
    ("template", "before", "after"),
    [
        (LLAMA2, "<s>[INST] ", " [/INST]"),
        (DATED, "<s>[INST] ", " [/INST]"),
        (
            QWEN2,
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
            "<|im_end|>\n<|im_start|>assistant\n",
        ),
    ],
)
def test_a_template_is_rendered_around_the_words(template: str, before: str, after: str) -> None:
    """An instruct model would not see that it is its turn."""
    made = turn(template, TOKENS)
    assert made is not None
    assert (made.before, made.after) == (before, after)


def test_no_template_is_no_turn() -> None:
    """A base model could not be built."""
    assert turn(None, TOKENS) is None


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% for %}", "the chat template cannot be rendered"),
        ("{{ raise_exception('system first') }}", "cannot be rendered: system first"),
        ("{{ ''.__class__.__mro__ }}", "cannot be rendered: access to attribute '__class__'"),
        ("Hello", "shows a user's words 0 times, not once"),
        ("{{ messages[0].content * 2 }}", "shows a user's words 2 times, not once"),
    ],
)
def test_a_template_that_fails_is_refused(template: str, words: str) -> None:
    """Prompts would be wrapped wrongly, or a file could run code on the machine that builds it."""
    with pytest.raises(ModelBuildError, match=re.escape(words)):
        turn(template, TOKENS)
