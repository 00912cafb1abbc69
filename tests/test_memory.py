"""How much memory a process may use."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from pipeline import memory


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), None),
        (("max\n",), None),
        (("536870912\n",), 2**29),
        (("max\n", "268435456\n"), 2**28),
        ((f"{2**63}\n",), None),
    ],
    ids=["no container", "no limit", "a limit", "a limit of version 1", "a limit beyond the machine"],
)
def test_the_least_of_machine_and_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: tuple[str, ...], expected: int | None
) -> None:
    files = [tmp_path / str(number) for number in range(len(texts) + 1)]
    for file, text in zip(files, texts, strict=False):
        file.write_text(text)
    monkeypatch.setattr(memory, "CONTAINER_LIMITS", files)
    assert memory.memory_limit() == (expected or psutil.virtual_memory().total)
