"""Train the grader on a CPU, resumably and within a time limit.

python -m training.grader.train --rows CACHE --encoder FOLDER --out RUN [--minutes 70]
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from training.grader.encoding import Encoded, Tokens, by_tokens, chosen, encode, stack
from training.grader.example import Example
from training.grader.examples import epoch
from training.grader.grading import grade
from training.grader.loss import labels, loss_of
from training.grader.measures import auc, hits
from training.grader.model import FAR, Grader, mean
from training.grader.rows import load, part

BATCH_TOKENS = 3_072
ENCODER_RATE, HEAD_RATE = 6e-5, 6e-4
WARM_UP = 30
AVERAGE = 0.99  # of the weights over steps; the averaged ones are what is kept
SAVE_STEPS = 50
MIX = ("clapnq_times", "papers_share", "invented", "spliced_texts", "statements")
LEAST_RATE = 0.03  # of the peak, at the end


def laid_out(example: Example, tokens: Tokens) -> tuple[Encoded, list[int]]:
    """The example's tokens, and which of its sentences found room."""
    lengths = [len(tokens.of(text)) for text in example.sentences]
    keep = chosen(lengths, example.near, example.budget)
    return encode(tokens, example.question, [example.sentences[one] for one in keep]), keep


class Run:
    """One training run, as far as it has come."""

    def __init__(
        self, folder: Path, model: Grader, epochs: int, limit_s: float, peak: float = 1.0
    ) -> None:
        self.folder, self.model, self.epochs, self.limit_s = folder, model, epochs, limit_s
        self.peak = peak
        self.spent_s, self._since = 0.0, time.monotonic()
        self.step, self.steps_an_epoch = 0, 0
        heads = [p for name, p in model.named_parameters() if not name.startswith("encoder")]
        body = [p for p in model.encoder.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            [{"params": body, "lr": ENCODER_RATE}, {"params": heads, "lr": HEAD_RATE}],
            weight_decay=0.01,
        )
        self.average = {name: value.clone() for name, value in model.state_dict().items()}
        if (folder / "state.pt").exists():
            self._resume()

    def _resume(self) -> None:
        state = torch.load(self.folder / "state.pt")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average, self.step, self.spent_s = state["average"], state["step"], state["spent_s"]

    def elapsed_s(self) -> float:
        """Seconds that the run has taken, those before it was resumed with them."""
        return self.spent_s + time.monotonic() - self._since

    def save(self) -> None:
        """Keep the run, so that it can go on from here."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "step": self.step,
            "spent_s": self.elapsed_s(),
        }
        torch.save(state, self.folder / "state.part")
        (self.folder / "state.part").replace(self.folder / "state.pt")

    def train(self, batch: Sequence[tuple[Example, Encoded, list[int]]]) -> float:
        """One step; gives its loss."""
        rate = self.peak * self._rate()
        for group, peak in zip(self.optimizer.param_groups, (ENCODER_RATE, HEAD_RATE), strict=True):
            group["lr"] = peak * rate
        ids, mask, spans = stack([encoded for _, encoded, _ in batch])
        answer, support = self.model(ids, mask, spans)
        wanted = labels([(example, keep) for example, _, keep in batch], support.shape[1])
        loss = loss_of(answer, support, wanted, support > -FAR / 2)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        with torch.no_grad():
            decay = min(AVERAGE, self.step / (self.step + 10))
            for name, value in self.model.state_dict().items():
                if value.is_floating_point() and "embeddings" not in name:
                    self.average[name].lerp_(value, 1 - decay)
        return float(loss)

    def _rate(self) -> float:
        """Of the peak: up over the first steps, then down a cosine, in time for the time limit."""
        if self.step < WARM_UP:
            return (self.step + 1) / WARM_UP
        done = max(self.step / (self.steps_an_epoch * self.epochs), self.elapsed_s() / self.limit_s)
        return LEAST_RATE + (1 - LEAST_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def batches(
    rows: dict[str, list[Any]], number: int, tokens: Tokens, mix: Mapping[str, Any]
) -> Iterator[list[Any]]:
    """The batches of one epoch, the same whenever it is asked for."""
    source = random.Random(f"epoch {number} of {mix}")
    laid = [(one, *laid_out(one, tokens)) for one in epoch(rows, source, **mix)]
    order = by_tokens([len(encoded.ids) for _, encoded, _ in laid], BATCH_TOKENS)
    source.shuffle(order)
    return iter([[laid[index] for index in batch] for batch in order])


def tuned_on(rows: dict[str, list[Any]], model: Grader, tokens: Tokens) -> dict[str, float]:
    """Figures on the rows that tune."""
    was = model.training
    model.eval()
    graded = {name: grade(model, tokens, of) for name, of in rows.items() if name != "pubmed"}
    model.train(was)
    figures = {
        "clapnq_auc": auc(
            [one.answer for one in graded["clapnq"]], [row["answerable"] for row in rows["clapnq"]]
        ),
        "hit1": hits([one.support for one in graded["clapnq"]], rows["clapnq"], 1),
        "hit3": hits([one.support for one in graded["clapnq"]], rows["clapnq"], 3),
    }
    sure = [
        (one, row)
        for one, row in zip(graded["papers"], rows["papers"], strict=True)
        if row["answerable"] in (0, 1)
    ]
    if sure:
        figures["papers_auc"] = auc(
            [one.answer for one, _ in sure], [row["answerable"] for _, row in sure]
        )
    return figures


def arguments() -> argparse.Namespace:
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=70)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--clapnq-times", type=int, default=3, help="how often an epoch sees it")
    parser.add_argument("--papers-share", type=float, default=1.0, help="of their rows, an epoch")
    parser.add_argument("--invented", type=int, default=0, help="questions made from sentences")
    parser.add_argument("--spliced-texts", type=int, default=450, help="an epoch")
    parser.add_argument("--statements", type=int, default=0, help="of data's and code's place")
    parser.add_argument("--rate", type=float, default=1.0, help="factor on the learning rates")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start", type=Path, nargs="+", help="weights to go on from: their mean")
    return parser.parse_args()


def main() -> None:
    """Train, or go on training."""
    asked = arguments()
    asked.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(asked.threads)
    torch.manual_seed(1)
    tokens = Tokens(asked.encoder)
    rows = load(asked.rows)
    model = Grader.from_minilm(asked.encoder)
    if asked.start:
        model.load_state_dict(mean([torch.load(path) for path in asked.start]))
    run = Run(asked.out, model, asked.epochs, 60 * asked.minutes, asked.rate)
    run.model.train()
    learn = {name: part(of, "train") for name, of in rows.items()}
    tune = {name: part(of, "dev") for name, of in rows.items()}
    mix = {name: getattr(asked, name) for name in MIX}
    first = 0
    for number in range(asked.epochs):
        todo = list(batches(learn, number, tokens, mix))
        run.steps_an_epoch = len(todo)
        skip = min(len(todo), max(0, run.step - first))
        first += len(todo)
        recent: list[float] = []
        for batch in todo[skip:]:
            recent.append(run.train(batch))
            if run.step % 25 == 0:
                say(
                    asked.out,
                    step=run.step,
                    of=len(todo) * asked.epochs,
                    loss=sum(recent[-25:]) / len(recent[-25:]),
                )
            if run.step % SAVE_STEPS == 0:
                run.save()
            if run.elapsed_s() > run.limit_s:
                break
        run.save()
        if skip < len(todo):
            kept = Grader.from_minilm(asked.encoder)
            kept.load_state_dict(run.average)
            torch.save(run.average, asked.out / f"epoch-{number + 1}.pt")
            say(asked.out, epoch=number + 1, step=run.step, **tuned_on(tune, kept, tokens))
        if run.elapsed_s() > run.limit_s:
            break
    torch.save(run.average, asked.out / "grader.pt")
    say(asked.out, done=True, step=run.step)


def say(folder: Path, **figures: float) -> None:
    """Print figures and keep them."""
    line = json.dumps(
        {"time": time.strftime("%H:%M:%S"), **{k: round(v, 4) for k, v in figures.items()}}
    )
    print(line, flush=True)
    with (folder / "log.jsonl").open("a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    main()
