"""A headless Chromium, driven through its own protocol: keys, clicks, pictures."""

import asyncio
import base64
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from services.cli.ending import kill_session

NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_LONGEST_S: Final = 60
# No sandbox, since it wants rights that containers lack; the page is our own.
_OPTIONS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
_PORT_FILE: Final = "DevToolsActivePort"


class NoBrowserError(Exception):
    """There is none on this machine."""


def find() -> str:
    """The browser's program.

    Raises:
        NoBrowserError: none is installed.
    """
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise NoBrowserError(f"none of {', '.join(NAMES)} is installed: apt install chromium")


class Page:
    """A tab.

    Args:
        socket: connection to its debugger.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def open(self, address: str, fragment: str = "") -> None:
        """Load a page anew, its address ending in `#fragment`, and wait until it is there."""
        await self._call("Page.enable")
        await self._call("Page.navigate", url="about:blank")
        await self._call("Page.navigate", url=f"{address}#{fragment}")
        async with asyncio.timeout(_LONGEST_S):
            while await self.run("document.readyState + location.protocol") != "completefile:":  # noqa: ASYNC110 - simpler than its events
                await asyncio.sleep(0.02)

    async def run(self, code: str) -> Any:
        """What an expression is worth in the page.

        Raises:
            RuntimeError: it ended in an error there.
        """
        told = await self._call("Runtime.evaluate", expression=code, returnByValue=True)
        if "exceptionDetails" in told:
            raise RuntimeError(f"{code}: {told['exceptionDetails']}")
        return told["result"].get("value")

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other, named as in KeyboardEvent.key."""
        for key in keys:
            text = {"text": "\r"} if key == "Enter" else {}
            for kind in ("keyDown", "keyUp"):
                code = {"Enter": 13, "Escape": 27, "Tab": 9}.get(key, 0)
                await self._call(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=key,
                    code=key,
                    windowsVirtualKeyCode=code,
                    **(text if kind == "keyDown" else {}),
                )

    async def looks(self, *, size: tuple[int, int], dark: bool) -> None:
        """Give the window a size, in pixels, and the system a mode."""
        await self._call(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self._call("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, to: Path) -> None:
        """Write a picture (png) of what is seen."""
        told = await self._call("Page.captureScreenshot")
        await asyncio.to_thread(to.write_bytes, base64.b64decode(told["data"]))

    async def _call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(_LONGEST_S):
            while (told := await self._socket.receive_json()).get("id") != number:
                pass  # an event
        if "error" in told:
            raise RuntimeError(f"{method}: {told['error']}")
        return told["result"]


@asynccontextmanager
async def opened(program: str) -> AsyncIterator[Page]:
    """Run the browser, with one tab, for the time of the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            *(program, *_OPTIONS, f"--user-data-dir={profile}", "--remote-debugging-port=0"),
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            port = await _port(Path(profile, _PORT_FILE))
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as reply:
                    tabs = await reply.json(content_type=None)
                address = next(tab for tab in tabs if tab["type"] == "page")["webSocketDebuggerUrl"]
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            kill_session(process.pid)  # Debian's is a script that starts the browser
            await process.wait()


async def _port(file: Path) -> int:
    """The port that the browser chose, once it says so."""
    async with asyncio.timeout(_LONGEST_S):
        while True:
            said = await asyncio.to_thread(lambda: file.read_text() if file.exists() else "")
            if "\n" in said:
                return int(said.split("\n")[0])
            await asyncio.sleep(0.02)
