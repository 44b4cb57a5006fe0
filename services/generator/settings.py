"""Settings of the generator, `RAGSTREAM_GENERATOR_…`."""

from typing import ClassVar, Literal

from pydantic import Field

from services.generator.answerability import calibration
from services.generator.verdict import OnUnsupported, Rules
from shared.settings import PREFIX, Settings

ChatTemplate = Literal["model", "chatml", "none"]


class GeneratorSettings(Settings):
    """How prompts are built and what may leave as an answer."""

    prefix: ClassVar[str] = f"{PREFIX}GENERATOR_"

    concurrency: int = Field(
        8, ge=1, le=1_000, description="Entries of a stream in hand at once, bulk lane apart."
    )
    bulk_concurrency: int = Field(
        2, ge=1, le=1_000, description="Entries of a bulk lane in hand at once."
    )
    prompt_tokens: int = Field(
        1_500,
        ge=100,
        le=1_000_000,
        description="Most tokens of passages in a prompt, counted by the embedder's tokenizer.",
    )
    answer_tokens: int = Field(
        256, ge=1, le=4_096, description="Longest answer, if the question names no max_tokens."
    )
    chat_template: ChatTemplate = Field(
        "model",
        description="How the prompt is wrapped: `model`, as the weights' own chat template says; "
        "`chatml` or `none`, for a model of another backend, which knows no `model`.",
    )
    on_unsupported: OnUnsupported = Field(
        "extract",
        description="When a sentence has no support in the passages: `extract` quotes the best "
        "supporting sentences, `abstain` says I don't know, `flag` lets it pass uncited.",
    )
    support_threshold: float = Field(
        0.8, ge=0, le=1, description="The grader's support from which a sentence may leave."
    )
    evidence_threshold: float = Field(
        0.3,
        ge=0,
        le=1,
        description="How well a sentence of the passages must answer the question to be quoted.",
    )
    answerable_threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Probability that the passages hold the answer below which the language model "
        "is not asked, and I don't know is the answer; the grader's own if not set.",
    )
    answer_words: int = Field(
        400, ge=1, le=10_000, description="Longest answer in words, cut behind a sentence."
    )

    def rules(self) -> Rules:
        """What may leave as an answer."""
        return Rules(
            self.on_unsupported,
            self.support_threshold,
            self.evidence_threshold,
            self.answer_words,
        )

    def least_answerable(self) -> float:
        """The probability below which nothing is generated."""
        own = self.answerable_threshold
        return calibration().threshold if own is None else own
