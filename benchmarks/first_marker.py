"""From `make run` to the first live marker in a browser, and to the first figure that Spark made."""

from __future__ import annotations

import socket
import tempfile
import time
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from benchmarks.browser import browser
from benchmarks.figure import Figure, show
from benchmarks.installation import BIKEWIRE, ask, free_port, running, until

MARKERS = ".leaflet-marker-icon.station"


def measure(folder: Path) -> list[Figure]:
    feed_port = free_port()
    with running([BIKEWIRE, "simulate", "--port", str(feed_port)], folder / "simulate.log"), browser() as chrome:
        # The first run on a machine also makes the archive of Spark's classes; the second is what users meet daily.
        for run in ("first", "second"):
            data = folder / run
            marker, metric = _run(chrome, f"http://127.0.0.1:{feed_port}/gbfs.json", data, folder / "up.log")
    return [
        Figure("make run to the first live marker in a browser", "≤ 4 s", f"{marker:.1f} s", marker <= 4),
        Figure("make run to the first Spark metric, second run", "≤ 10 s", f"{metric:.1f} s", metric <= 10),
    ]


def _run(chrome: Chrome, feed: str, data: Path, log: Path) -> tuple[float, float]:
    port = free_port()
    start = time.perf_counter()
    command = ["make", "--no-print-directory", "run", f"FEED={feed}"]
    with running(command, log, BIKEWIRE_PORT=str(port), BIKEWIRE_DATA=str(data), BIKEWIRE_TILES=""):
        until(lambda: _shows_marker(chrome, port), 60, "a marker")
        marker = time.perf_counter() - start
        until(lambda: _has_network(port), 120, "a metric")
        metric = time.perf_counter() - start
        # The class archive is made some seconds after the first metric.
        until(lambda: True if time.perf_counter() - start > metric + 20 else None, 60, "the end of the warm-up")
    return marker, metric


def _shows_marker(chrome: Chrome, port: int) -> bool | None:
    if not chrome.current_url.startswith(f"http://127.0.0.1:{port}/"):
        # Chromium does not try a refused page again by itself; a connection that is taken is answered.
        socket.create_connection(("127.0.0.1", port), 1).close()
        chrome.get(f"http://127.0.0.1:{port}/")
    return True if chrome.find_elements(By.CSS_SELECTOR, MARKERS) else None


def _has_network(port: int) -> bool | None:
    systems = ask(port, "{ systems { network { polledAt } } }")["systems"]
    return True if systems and systems[0]["network"] else None


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        show(measure(Path(place)))
