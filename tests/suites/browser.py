"""A real Chromium, spoken to through a pipe: a page, as a person meets it."""

import base64
import json
import os
import shutil
import subprocess
from contextlib import asynccontextmanager

import trio

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
PATIENCE_S = 60.0

_SWITCHES = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--disable-default-apps",
    "--no-default-browser-check",
    "--lang=en-US", "--hide-scrollbars",
)  # fmt: skip


class PageFailed(Exception):
    """The page did not do what was asked."""


class Browser:
    """`requests` are all addresses that it asked for, `errors` what its console had to complain."""

    def __init__(self, write, read):
        self._write, self._read = write, read
        self._number = 0
        self._answers = {}
        self.requests, self.errors = [], []

    async def listen(self):
        held = b""
        while data := await self._read.receive_some():
            *messages, held = (held + data).split(b"\0")
            for message in map(json.loads, messages):
                self._hear(message)

    def _hear(self, message):
        if "id" in message:
            self._answers[message["id"]](message)
        elif message["method"] == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        elif message["method"] == "Runtime.exceptionThrown":
            self.errors.append(message["params"]["exceptionDetails"])
        elif message["method"] == "Log.entryAdded":
            self.errors.append(message["params"]["entry"])

    async def ask(self, method, session=None, **params):
        self._number += 1
        number, came, answer = self._number, trio.Event(), {}

        def hear(message):
            answer.update(message)
            came.set()

        self._answers[number] = hear
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        await self._write.send_all(json.dumps(message).encode() + b"\0")
        with trio.fail_after(PATIENCE_S):
            await came.wait()
        del self._answers[number]
        if "error" in answer:
            raise PageFailed(f"{method}: {answer['error']}")
        return answer["result"]


class Page:
    """A tab of it."""

    def __init__(self, browser, session, target):
        self.browser = browser
        self._session = session
        self._target = target

    async def ask(self, method, **params):
        return await self.browser.ask(method, self._session, **params)

    async def do(self, script):
        """What an expression (or promise) comes to."""
        told = await self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True,
            userGesture=True,
        )  # fmt: skip
        if "exceptionDetails" in told:
            raise PageFailed(f"{script}: {told['exceptionDetails']}")
        return told["result"].get("value")

    async def until(self, script):
        """Wait until an expression is true."""
        with trio.move_on_after(PATIENCE_S):
            while not await self.do(f"!!({script})"):  # noqa: ASYNC110
                await trio.sleep(0.03)  # a page tells nobody
            return
        text = await self.do("document.body.innerText")
        raise PageFailed(f"never came true: {script}; the page shows:\n{text}")

    async def open(self, address):
        await self.ask("Page.navigate", url=address)
        await self.until("document.readyState == 'complete'")

    async def close(self):
        """Close it, as one does who asks for no leave."""
        await self.browser.ask("Target.closeTarget", targetId=self._target)

    async def press(self, *keys):
        """Keys, one after the other, as from a keyboard."""
        for key in keys:
            code = {"Enter": 13, "Tab": 9, "Escape": 27, " ": 32}.get(key, 0)
            text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
            event = {"key": key, "windowsVirtualKeyCode": code}
            await self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **event)
            await self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    async def write(self, text):
        await self.ask("Input.insertText", text=text)

    async def pick(self, selector, *files):
        """Choose files as in the dialog of a file field."""
        document = await self.ask("DOM.getDocument")
        node = await self.ask(
            "DOM.querySelector", nodeId=document["root"]["nodeId"], selector=selector
        )
        await self.ask(
            "DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(f) for f in files]
        )

    async def look(self, *, dark=False, width=390, height=844):
        """Be a phone of this size."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=2, mobile=True,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.ask("Emulation.setEmulatedMedia", features=[scheme])

    async def net(self, *, away):
        await self.ask(
            "Network.emulateNetworkConditions", offline=away, latency=0,
            downloadThroughput=-1, uploadThroughput=-1,
        )  # fmt: skip

    async def picture(self, path):
        told = await self.ask("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(told["data"]))

    async def told_to_screen_readers(self):
        """(role, name) of everything that is not left out for them."""
        tree = await self.ask("Accessibility.getFullAXTree")
        return [
            (each["role"]["value"], each.get("name", {}).get("value", ""))
            for each in tree["nodes"]
            if not each["ignored"]
        ]


@asynccontextmanager
async def chromium(home):
    """A browser with a profile of its own, ended with the test."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    switches = [*_SWITCHES, f"--user-data-dir={home}"]
    if os.geteuid() == 0:
        switches.append("--no-sandbox")
    command = [
        "bash", "-c", f'exec "$@" 3<&{to_read} 4>&{from_write}', "bash", CHROMIUM, *switches,
        "about:blank",
    ]  # fmt: skip
    process = await trio.lowlevel.open_process(
        command, pass_fds=(to_read, from_write), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_read)
    os.close(from_write)
    async with trio.lowlevel.FdStream(to_write) as write, trio.lowlevel.FdStream(from_read) as read:
        try:
            async with trio.open_nursery() as nursery:
                browser = Browser(write, read)
                nursery.start_soon(browser.listen)
                yield browser
                with trio.move_on_after(5):
                    await browser.ask("Browser.close")
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True):
                with trio.move_on_after(5):
                    await process.wait()
                if process.returncode is None:
                    process.kill()
                await process.wait()


async def tab(browser):
    """A new tab that tells of what it asks for and complains of."""
    target = await browser.ask("Target.createTarget", url="about:blank")
    told = await browser.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
    page = Page(browser, told["sessionId"], target["targetId"])
    for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
        await page.ask(f"{domain}.enable")
    await page.look()
    return page
