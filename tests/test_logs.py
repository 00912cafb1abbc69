"""How Bikewire speaks: readable lines."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from pipeline.logs import set_up


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_an_event_is_a_line_with_its_time_and_a_warning_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("INFO")
    logger = logging.getLogger("pipeline.poller")
    logger.debug("not told")
    logger.info("%s: polled", "velozef")
    logger.warning("%s: refused", "velozef")
    lines = [
        re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "TIME ", line) for line in capsys.readouterr().err.splitlines()
    ]
    assert lines == ["TIME velozef: polled", "TIME WARNING: velozef: refused"]


def test_libraries_tell_of_every_request_in_debug_only(capsys: pytest.CaptureFixture[str]) -> None:
    for level in ("INFO", "DEBUG"):
        set_up(level)
        logging.getLogger("httpx").info("asked, at %s", level)
    assert capsys.readouterr().err.splitlines()[0].endswith(" asked, at DEBUG")
