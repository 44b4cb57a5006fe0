"""The grader in torch: one encoder over question and sentences, two heads over their means."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertModel

HEAD = 256
FROZEN = 2  # layers; what they cost on a CPU bought nothing else
FAR = 1e4  # added to what must lose against everything


class Grader(nn.Module):  # type: ignore[misc]  # torch is not installed where mypy runs
    """A BERT encoder and what reads (a) an answer in a text and (b) support in a sentence.

    Every segment, the question first, is the mean of its tokens, scaled to a mean square of 1. A
    sentence is judged by its own segment, the question's, and their product; a text by the
    strongest and the mean of its sentences' hidden layers and by the first token.
    """

    def __init__(self, encoder: BertModel, head: int = HEAD) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.config.hidden_size
        self.sentence = nn.Linear(3 * width, head)
        self.support = nn.Linear(head, 1)
        self.text = nn.Linear(2 * head + width, head)
        self.answer = nn.Linear(head, 1)
        self.dropout = nn.Dropout(0.1)

    @classmethod
    def from_minilm(cls, folder: Path) -> "Grader":
        """Start from a sentence encoder; its tables and lowest layers stay as they are."""
        model = cls(BertModel.from_pretrained(folder, add_pooling_layer=False))
        for part in (model.encoder.embeddings, *model.encoder.encoder.layer[:FROZEN]):
            part.requires_grad_(requires_grad=False)
        return model

    def forward(self, ids: Tensor, mask: Tensor, spans: Tensor) -> tuple[Tensor, Tensor]:
        """Grade texts.

        Args:
            ids: tokens [batch, tokens].
            mask: 1 for each real one.
            spans: [batch, 1 + sentences, tokens], a row a segment: 1/length at its tokens, else 0.

        Returns:
            Logits that the text answers the question [batch], and that each sentence supports it
            [batch, sentences], `-FAR` where there is none.
        """
        x = self.encoder(ids, attention_mask=mask).last_hidden_state
        segments = spans @ x
        segments = segments * torch.rsqrt(segments.square().mean(-1, keepdim=True) + 1e-6)
        question, sentences = segments[:, :1], segments[:, 1:]
        pairs = torch.cat([sentences, question.expand_as(sentences), sentences * question], dim=-1)
        hidden = nn.functional.gelu(self.sentence(self.dropout(pairs)))
        there = spans[:, 1:].sum(-1, keepdim=True).round()
        strongest = (hidden - FAR * (1 - there)).amax(1)
        mean = (hidden * there).sum(1) / there.sum(1)
        whole = torch.cat([strongest, mean, x[:, 0]], dim=-1)
        answer = self.answer(nn.functional.gelu(self.text(self.dropout(whole))))
        support = self.support(hidden) - FAR * (1 - there)
        return answer.squeeze(-1), support.squeeze(-1)


def mean(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of the weights of some states of one lineage."""
    return {name: sum(state[name] for state in states) / len(states) for name in states[0]}
