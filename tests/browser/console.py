"""Drives the console in a headless Chromium, with Playwright: a real Redis, Triton and workers.

`make browser` runs it. It asks, sees tokens stream, opens a citation, sees a killed worker go and
come back, redrives a dead letter, sees Redis go and come back; axe looks for faults of
accessibility, in the light, in the dark and on a phone.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

from services.cli.redis import url
from shared.messages import Chunk, Embed, encode_msgpack
from shared.streams import DATA
from tests.browser import chromium
from tests.chaos.ledger import NAMES
from tests.chaos.stack import PASSWORD, ChaosStack, chaos_stack

HOSTILE: Final = "<img src=x onerror=alert(1)><script>document.title='owned'</script>"
VISIBLE_MS: Final = 3_000
SETTINGS: Final = {
    "RAGSTREAM_VISIBILITY_TIMEOUT_MS": str(VISIBLE_MS),
    "RAGSTREAM_GENERATOR_ANSWER_TOKENS": "200",
    # the tiny embedder's vectors mean nothing: what the model writes is unsupported, and quoted
    # from the passages in any case
    "RAGSTREAM_GENERATOR_SUPPORT_THRESHOLD": "1",
    "RAGSTREAM_GENERATOR_EVIDENCE_THRESHOLD": "0",
}
COUNTS: Final = {"ingestor": 1, "embedder": 1, "retriever": 1, "generator": 2}
LOOKS: Final = (
    ("light", (1400, 1000), "light"),
    ("dark", (1400, 1000), "dark"),
    ("phone", (390, 844), "light"),
    ("phone-dark", (390, 844), "dark"),
)
PATIENCE_MS: Final = 30_000
# How long the text on its way was, each time that it changed.
WATCH_DRAFT: Final = """
window.lengths = [];
const draft = document.getElementById("draft");
new MutationObserver(() => lengths.push(draft.textContent.length))
  .observe(draft, { childList: true, characterData: true, subtree: true });
"""


class Visit:
    """One visitor, who does all that the page is for.

    Args:
        page: a tab on the console.
        stack: what it shows.
    """

    def __init__(self, page: Page, stack: ChaosStack) -> None:
        self._page = page
        self._stack = stack

    async def all(self) -> None:
        """One thing after the other."""
        await expect(self._page.locator("#state")).to_have_text("live")
        for step in (self.asks, self.opens, self.keys, self.workers, self.redrives, self.outage):
            _say(f"  {step.__doc__}")
            await step()
        await expect(self._page).to_have_title("ragstream console")

    async def asks(self) -> None:
        """Asks, and sees the answer grow."""
        await self._page.evaluate(WATCH_DRAFT)
        await self._page.fill("#question", "What makes bread rise?")
        await self._page.click("#send")
        await expect(self._page.locator("#answer .facts")).to_contain_text("answered")
        lengths: list[int] = await self._page.evaluate("lengths")
        grown = sorted({length for length in lengths if length})
        assert len(grown) > 3, f"the draft had {grown} characters: it did not stream"
        await expect(self._page.locator("#queries li").first).to_contain_text("answered")

    async def opens(self) -> None:
        """Opens a citation, and sees the quote in its passage."""
        quote = await self._page.locator(".cited q").first.text_content()
        await self._page.locator("#answer .marker").first.click()
        await expect(self._page.locator("#passage")).to_be_visible()
        await expect(self._page.locator("#passage-text mark")).to_have_text(quote or "?")
        whole = await self._page.locator("#passage-text").text_content()
        assert len(whole or "") > len(quote or ""), "the passage is no more than its quote"
        await self._page.keyboard.press("Escape")
        await expect(self._page.locator("#passage")).to_be_hidden()

    async def keys(self) -> None:
        """Does the same without a mouse."""
        keyboard = self._page.keyboard
        await self._page.focus("#question")
        await keyboard.press("Control+A")
        await keyboard.type("Why do bees dance?")
        await keyboard.press("Control+Enter")
        await expect(self._page.locator("#cancel")).to_be_visible()
        await expect(self._page.locator("#answer .facts")).to_contain_text("answered")
        await self._page.focus("#send")
        await keyboard.press("Tab")
        await expect(self._page.locator("#answer .marker").first).to_be_focused()
        await keyboard.press("Enter")
        await expect(self._page.locator("#passage")).to_be_visible()
        await keyboard.press("Escape")
        await expect(self._page.locator("#answer .marker").first).to_be_focused()

    async def workers(self) -> None:
        """Sees a killed worker go, and its successor come."""
        post = self._stack.crew.of("generator")[0]
        names = self._page.locator('[data-stage="generate"] .consumers .name')
        killed = post.consumer
        await expect(names.filter(has_text=killed)).to_have_count(1)
        post.kill()
        await expect(names.filter(has_text=killed)).to_have_count(0)
        assert post.consumer != killed, "nobody followed"
        await expect(names.filter(has_text=post.consumer)).to_have_count(1)

    async def redrives(self) -> None:
        """Redrives a dead letter, and sees it answered."""
        question: Any = {"id": "later", "question": f"Salt {HOSTILE}?", "collection": "new"}
        await self._stack.direct.xadd(NAMES.queries, question)
        letters = self._page.locator("#letters li")
        await expect(letters).to_have_count(1)
        await letters.locator(".row-button").click()
        await expect(self._page.locator("#sheet pre").first).to_be_visible()
        await self._page.keyboard.press("Escape")
        await _ingest(self._stack, "new", "Salt slows the yeast. Yeast likes it warm.")
        await letters.get_by_role("button", name="Redrive later").click()
        await expect(letters).to_have_count(0)
        row = self._page.locator('#queries li[data-key="later"]')
        await expect(row).to_contain_text("answered")
        await row.get_by_role("button").click()
        await expect(self._page.locator("#sheet .cited").first).to_contain_text(HOSTILE)
        await self._page.keyboard.press("Escape")

    async def outage(self) -> None:
        """Sees Redis go, and come back."""
        await self._stack.redis.kill()
        await expect(self._page.locator("#banner")).to_contain_text("[redis_unavailable]")
        await self._stack.redis.start()
        await expect(self._page.locator("#state")).to_have_text("live")
        await expect(self._page.locator("#banner")).to_be_hidden()


async def _ingest(stack: ChaosStack, collection: str, text: str) -> None:
    chunk = Chunk(text=text, tokens=len(text.split()), page=1, section="Baking")
    message = Embed(
        document_id=collection,
        collection=collection,
        name=collection,
        title=HOSTILE,
        sha256="",
        chunks=(chunk,),
    )
    await stack.direct.xadd(NAMES.embed, {DATA: encode_msgpack(message)})
    async with stack.client() as client:
        async for document in client.wait_ingested([collection], timeout_s=60):
            assert document.state == "ingested", document


@asynccontextmanager
async def served(stack: ChaosStack) -> AsyncIterator[str]:
    """The console as an operator starts it; gives the address that it prints."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("RAGSTREAM_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli.main", "console", "--port", "0", "--writable"),
        env=inherited
        | {
            "RAGSTREAM_REDIS_URL": url(stack.redis_port),
            "RAGSTREAM_REDIS_PASSWORD": PASSWORD,
            "RAGSTREAM_VISIBILITY_TIMEOUT_MS": str(VISIBLE_MS),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_MS / 1000):
            address = await process.stdout.readline()
        yield address.decode().strip()
    finally:
        process.terminate()
        await process.wait()


async def look(page: Page, name: str, pictures: Path | None) -> list[str]:
    """Take a picture; returns the serious faults that axe finds."""
    if pictures:
        await page.screenshot(
            path=pictures / f"{name}.png", full_page=name in {one[0] for one in LOOKS}
        )
    results: Any = await Axe().run(page)
    return [
        f"{name}: {fault['id']} ({fault['impact']}): {fault['help']}: {fault['nodes'][0]['html']}"
        for fault in results.response["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]


async def appearances(
    browser: Browser, address: str, stack: ChaosStack, pictures: Path | None
) -> list[str]:
    """The page at work, light, dark and on a phone, with and without its dialogs."""
    faults = []
    for number, (name, (width, height), scheme) in enumerate(LOOKS):
        page = await browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            bypass_csp=True,  # for axe, which is none of the page's scripts
        )
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(address)
        await page.fill("#question", "How are the tides?")
        await page.click("#send")
        await expect(page.locator("#answer .facts")).to_contain_text("answered")
        await _load(stack, f"{name}-{number}")
        await expect(page.locator("#letters li").first).to_be_visible()
        await expect(page.locator(".stage.flows").first).to_be_visible()
        faults += await look(page, name, pictures)
        await page.locator("#answer .marker").first.click()
        await expect(page.locator("#passage-text mark")).to_be_visible()
        faults += await look(page, f"{name}-passage", pictures)
        await page.close()
    return faults


async def _load(stack: ChaosStack, run: str) -> None:
    """Something to see: questions in all states."""
    async with stack.direct.pipeline(transaction=False) as pipe:
        for number in range(120):
            question: Any = {"id": f"{run}-{number}", "question": f"Question {number} about bees?"}
            lane = NAMES.lane(NAMES.queries, "bulk" if number % 3 == 0 else "interactive")
            pipe.xadd(lane, question)
        pipe.xadd(NAMES.queries, {"id": f"{run}-none", "question": ""})
        pipe.xadd(NAMES.queries, {"id": f"{run}-far", "question": "Q?", "collection": "nowhere"})
        await pipe.execute()


async def run(program: str, pictures: Path | None) -> list[str]:
    """Visit the console, then look at it.

    Returns:
        Serious faults that axe finds.

    Raises:
        AssertionError: the page did not do what it is for.
    """
    expect.set_options(timeout=PATIENCE_MS)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        stacked = chaos_stack(Path(folder), wired=False, counts=COUNTS, settings=SETTINGS)
        async with stacked as stack, served(stack) as address, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=program, args=["--no-sandbox"]
            )
            page = await browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(PATIENCE_MS)
            problems: list[str] = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            await page.goto(address)
            await Visit(page, stack).all()
            await page.close()
            return problems + await appearances(browser, address, stack, pictures)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Run it, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the page")
    given = parser.parse_args()
    try:
        program = chromium.find()
    except chromium.NoBrowserError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1
    if given.pictures:
        given.pictures.mkdir(parents=True, exist_ok=True)
    _say("the console:")
    faults = asyncio.run(run(program, given.pictures))
    for fault in faults:
        _say(fault)
    _say(f"{'failed' if faults else 'good'}: the console in {Path(program).name}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
