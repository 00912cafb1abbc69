"""A real browser (Debian's Chromium) on a page of a running server, and what it saw go wrong."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.live_server import LiveServer

CHROMIUM = Path("/usr/bin/chromium")
CHROMEDRIVER = Path("/usr/bin/chromedriver")
PATIENCE = 15.0
DESKTOP = (1280, 800)
PHONE = (390, 844)

# What the page's policy forbade, and what its scripts threw, from the first line on.
_WATCH = """
window.wrongs = [];
addEventListener("securitypolicyviolation", (event) =>
  window.wrongs.push(`${event.violatedDirective}: ${event.blockedURI}`));
addEventListener("error", (event) => window.wrongs.push(`error: ${event.message}`));
addEventListener("unhandledrejection", (event) => window.wrongs.push(`rejection: ${event.reason}`));
"""


class Browser:
    """One tab; everything waits for what it expects, up to a deadline."""

    def __init__(self, chrome: Chrome) -> None:
        self.chrome = chrome
        self._origin = ""

    def open(
        self, address: str, *, size: tuple[int, int] = DESKTOP, language: str = "en", is_dark: bool = False
    ) -> None:
        """Open a page afresh, with nothing kept from the one before."""
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        self.chrome.get("about:blank")
        self.devtools("Storage.clearDataForOrigin", origin=self._origin, storageTypes="all")
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=size == PHONE,
        )
        self.devtools(
            "Emulation.setUserAgentOverride", userAgent=self.run("return navigator.userAgent"), acceptLanguage=language
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])
        self._events()
        self.chrome.get(address)

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self.chrome.execute_cdp_cmd(command, parameters)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.chrome.execute_script(script, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        return self.chrome.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The element, once it is there and shown."""
        self.until(lambda: any(found.is_displayed() for found in self.all(selector)), f"{selector} on the page")
        return next(found for found in self.all(selector) if found.is_displayed())

    def text(self, selector: str) -> str:
        """The text of the first such element as it stands in the document; "" when there is none."""
        found: str = self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector)
        return found

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((element) => element.textContent)", selector
        )
        return found

    def shows(self, selector: str, text: str) -> None:
        """Wait until the element's text has this in it."""
        self.until(lambda: text in self.text(selector), f"{text!r} in {selector}", lambda: self.text(selector))

    def until(self, look: Callable[[], bool], what: str, seen: Callable[[], object] = lambda: "") -> None:
        deadline = time.monotonic() + PATIENCE
        while not look():
            assert time.monotonic() < deadline, (
                f"not in time: {what}; seen: {seen()!r}; {self.run('return window.wrongs')}"
            )
            time.sleep(0.02)

    def marker(self, name: str) -> str:
        """The selector of a station's marker."""
        return f'.station[aria-label^="{name}:"]'

    @property
    def is_wider_than_its_window(self) -> bool:
        found: bool = self.run("return document.documentElement.scrollWidth > window.innerWidth")
        return found

    @property
    def wrongs(self) -> list[str]:
        """Violations of the policy and errors of scripts since the page was opened."""
        found: list[str] = self.run("return window.wrongs")
        return found

    def requests(self) -> list[str]:
        """Every address asked for since the page was opened, but for data in the page itself."""
        messages = [json.loads(entry["message"])["message"] for entry in self._events()]
        urls = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        sockets = [message["params"]["url"] for message in messages if message["method"] == "Network.webSocketCreated"]
        return [url for url in urls + sockets if urlsplit(url).scheme not in {"data", "blob", "about", "chrome"}]

    def _events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.chrome.get_log("performance")  # type: ignore[no-untyped-call]  # Selenium's
        return found

    def foreign_requests(self) -> list[str]:
        ours = urlsplit(self._origin).netloc
        return [url for url in self.requests() if urlsplit(url).netloc != ours]


def address(server: LiveServer, rest: str = "") -> str:
    return f"http://127.0.0.1:{server.port}/{rest}"


def state_of(browser: Browser, name: str) -> tuple[str, str]:
    """The state and the sign of a station's mark."""
    mark = f"{browser.marker(name)} .mark"
    found: str = browser.run("return document.querySelector(arguments[0])?.dataset.state ?? ''", mark)
    return found, browser.text(mark)


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A headless browser with an empty profile in ``folder``; where there is none, a reason to skip, but not in CI."""
    if missing := [str(program) for program in (CHROMIUM, CHROMEDRIVER) if not program.is_file()]:
        reason = f"there is no {' and no '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    chrome = Chrome(_options(folder), Service(str(CHROMEDRIVER)))
    try:
        chrome.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})
        yield Browser(chrome)
    finally:
        chrome.quit()


def _options(folder: Path) -> Options:
    options = Options()
    options.binary_location = str(CHROMIUM)
    switches = [
        "headless",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "disable-dev-shm-usage",
        f"user-data-dir={folder}",
    ]
    for switch in switches:
        options.add_argument(f"--{switch}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    return options
