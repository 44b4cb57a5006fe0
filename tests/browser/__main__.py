"""Opens the report in a headless Chromium: matrix, filters, an answer, hostile text.

`make browser` runs it. It is no part of `make test`, since no wheel brings a browser; without one
it fails and says so.
"""

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from services.cli.report import write_report
from services.cli.runs import Cell, Run
from shared.messages import Answer, Citation, ErrorInfo, Evidence, StageTiming, Status
from tests.browser import chromium
from tests.browser.chromium import Page
from tests.made_runs import answer_all, new_run

QUESTIONS, DOCUMENTS = 28, 10
STATUSES: Final[tuple[Status, ...]] = ("answered", "abstained", "abstained", "answered", "failed")
HOSTILE: Final = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
ANSWERED: Final = 30  # the number of a cell that is: the third question to the second document
ADDRESS: Final = urlencode({"q": "Q3", "d": "d2"})
CELLS: Final = "[...document.querySelectorAll('#matrix tbody button')]"
OPEN: Final = "document.querySelector('dialog').open"
PICTURES: Final = (
    ("light", (1400, 1000), False, ""),
    ("dark", (1400, 1000), True, ""),
    ("phone", (390, 844), False, ""),
    ("answer", (1400, 1000), False, ADDRESS),
    ("answer-dark-phone", (390, 844), True, ADDRESS),
    ("filtered", (1400, 1000), False, urlencode({"status": "failed", "find": "paper 3"})),
)


def a_run() -> Run:
    """28 questions to 10 documents; three of the cells wait."""
    run = new_run(QUESTIONS, DOCUMENTS)
    most = QUESTIONS * DOCUMENTS - 3
    return answer_all(run, lambda n, cell: an_answer(run, n, cell) if n < most else None)


def an_answer(run: Run, number: int, cell: Cell) -> Answer:
    assert cell.document is not None
    status, here = STATUSES[number * number % len(STATUSES)], cell.document.id
    good = status == "answered"
    cited = Citation(
        marker=1, document_id=here, page=7, section="Methods", chunk_id="c", quote=f"Quote {number}"
    )
    near = Evidence(sentence=HOSTILE, document_id=here, page=8, chunk_id="c", score=0.75)
    return Answer(
        query_id=run.query(cell).id,
        status=status,
        text=f"Text {number} [1]. {HOSTILE}" if good else "",
        citations=(cited,) if good else (),
        evidence=(near,),
        support=0.5 if good else 0.0,
        timings_ms={"generator": StageTiming(queue=10.0 * number, work=1500)},
        error=ErrorInfo(code="internal", message=HOSTILE) if status == "failed" else None,
    )


class Checks:
    """What was found wrong so far, in `faults`."""

    def __init__(self, page: Page, there: str, run: Run) -> None:
        self.faults: list[str] = []
        self._page = page
        self._there = there
        self._counts = Counter(answer.status for answer in run.answers.values())

    async def all(self) -> None:
        """Use the page as a reader does."""
        for check in (self.matrix, self.chips, self.words, self.mouse, self.keys, self.address):
            await self._page.open(self._there)
            await check()

    async def matrix(self) -> None:
        """Every cell is there in its colour, and no hostile text became markup."""
        await self._expect(f"{CELLS}.length", QUESTIONS * DOCUMENTS)
        for status in ("answered", "abstained", "failed"):
            code = f"{CELLS}.filter((one) => one.classList.contains('{status}')).length"
            await self._expect(code, self._counts[status])
            colours = f"new Set({CELLS}.map((one) => getComputedStyle(one).backgroundColor)).size"
            await self._expect(colours, 4)
        await self._expect(f"{CELLS}.filter((one) => one.classList.contains('waiting')).length", 3)
        await self._expect("document.scripts.length", 2)
        await self._expect("document.images.length", 0)
        await self._expect("document.title", "Questions and answers")
        await self._expect("document.querySelectorAll('#questions tbody tr').length", QUESTIONS)

    async def chips(self) -> None:
        """A click on a status takes its cells away, a second one brings them back."""
        whole = QUESTIONS * DOCUMENTS
        chip = "document.querySelector('[data-status=abstained]')"
        on = f"{CELLS}.filter((one) => !one.disabled).length"
        await self._page.run(f"{chip}.click()")
        await self._expect(on, whole - self._counts["abstained"])
        await self._expect(f"{chip}.getAttribute('aria-pressed')", "false")
        said = f"{whole - self._counts['abstained']} of {whole} cells"
        await self._expect("document.querySelector('output').textContent", said)
        await self._page.run(f"{chip}.click()")
        await self._expect(on, whole)

    async def words(self) -> None:
        """Words and a question leave the rows and columns in which they are found."""
        await self._page.run(
            "for (const [name, value, kind] of"
            " [['find', 'PAPER 3', 'input'], ['only', 'Q2', 'change']]) {"
            " const field = document.getElementById(name);"
            " field.value = value; field.dispatchEvent(new Event(kind)); }"
        )
        rows = "[...document.querySelectorAll('#matrix tbody tr:not([hidden]) th')]"
        await self._expect(f"{rows}.map((one) => one.textContent).join()", "Paper 3")
        heads = "[...document.querySelectorAll('#matrix thead th:not([hidden]) button')]"
        await self._expect(f"{heads}.map((one) => one.textContent).join()", "Q2")
        await self._page.run("document.querySelector('[type=reset]').click()")
        await self._expect(f"{rows}.length", DOCUMENTS)

    async def mouse(self) -> None:
        """A click on a cell shows its answer, its evidence with page, and its timings."""
        await self._page.run(f"{CELLS}[{ANSWERED}].click()")
        await self._expect(OPEN, seen=True)
        text = await self._page.run("document.querySelector('dialog').innerText")
        for part in (
            *("Q3. Question 3?", "Paper 2", f"Text {ANSWERED} [1]. {HOSTILE}", "page 7, Methods"),
            *(f"Quote {ANSWERED}", "0.75", "page 8", "1.50 s at work"),
        ):
            self._note(f"{part!r} in the answer", part in text, expected=True)
        await self._page.run("document.getElementById('close').click()")
        await self._expect(OPEN, seen=False)

    async def keys(self) -> None:
        """Without a mouse: to the next cell, into its answer, to the next one, and out."""
        await self._page.run("document.querySelector('#matrix td button[tabindex=\"0\"]').focus()")
        await self._page.press("ArrowRight", "ArrowRight", "ArrowDown")
        await self._expect(f"{CELLS}.indexOf(document.activeElement)", ANSWERED)
        await self._page.press("Enter")
        await self._expect(OPEN, seen=True)
        await self._page.press("ArrowRight")
        await self._expect("document.querySelector('dialog h2').textContent", "Q4. Question 4?")
        await self._page.press("Escape")
        await self._expect(OPEN, seen=False)
        await self._expect(f"{CELLS}.indexOf(document.activeElement)", ANSWERED + 1)

    async def address(self) -> None:
        """What an address names is shown."""
        await self._page.open(self._there, ADDRESS)
        await self._expect("document.querySelector('dialog h2').textContent", "Q3. Question 3?")

    async def _expect(self, code: str, seen: object) -> None:
        self._note(code, await self._page.run(code), expected=seen)

    def _note(self, what: str, seen: object, *, expected: object) -> None:
        if seen != expected:
            self.faults.append(f"{what}: {seen!r} instead of {expected!r}")


async def look(program: str, pictures: Path | None, shown: str | None) -> list[str]:
    """Check a page of our own, and take pictures of it or of another.

    Returns:
        What is wrong; empty if nothing is.
    """
    with tempfile.TemporaryDirectory() as folder:
        file, run = Path(folder, "report.html"), a_run()
        write_report(run, file)
        async with chromium.opened(program) as page:
            checks = Checks(page, file.as_uri(), run)
            await checks.all()
            for name, size, dark, fragment in PICTURES if pictures else ():
                await page.looks(size=size, dark=dark)
                await page.open(shown or file.as_uri(), fragment)
                await page.picture(Path(pictures or "", f"{name}.png"))
    return checks.faults


def main() -> int:
    """Look, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the page")
    parser.add_argument("--page", type=Path, help="take the pictures of this report")
    given = parser.parse_args()
    try:
        program = chromium.find()
    except chromium.NoBrowserError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1
    if given.pictures:
        given.pictures.mkdir(parents=True, exist_ok=True)
    faults = asyncio.run(
        look(program, given.pictures, given.page and given.page.resolve().as_uri())
    )
    for fault in faults:
        sys.stdout.write(f"{fault}\n")
    sys.stdout.write(f"{'failed' if faults else 'good'}: the report in {Path(program).name}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
