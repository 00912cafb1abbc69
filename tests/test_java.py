"""Java is found where Spark's launcher would find it, or refused in one sentence before anything is started."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.java import JavaError, find_java
from pipeline.settings import Settings
from pipeline.spark import session


def _java(folder: Path, version: str) -> dict[str, str]:
    """An environment whose Java calls itself this version."""
    program = folder / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{version}' >&2\n")
    program.chmod(0o755)
    return {"JAVA_HOME": str(folder), "PATH": "/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("version", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "21" 2023-09-19', 21),
        ('java version "23-ea"', 23),
    ],
)
def test_java_17_and_newer_will_do(tmp_path: Path, version: str, major: int) -> None:
    assert find_java(_java(tmp_path, version)).major == major


@pytest.mark.parametrize(
    ("version", "major"), [('openjdk version "1.8.0_392"', 8), ('openjdk version "11.0.22" 2024-01-16', 11)]
)
def test_an_older_java_is_refused_with_the_way_to_the_right_one(tmp_path: Path, version: str, major: int) -> None:
    with pytest.raises(JavaError) as refused:
        find_java(_java(tmp_path, version))
    assert str(refused.value) == (
        f"Spark needs Java 17, but {tmp_path}/bin/java is Java {major}: install Java 17 (Debian and Ubuntu: apt install"
        " openjdk-17-jre-headless; elsewhere: https://adoptium.net) and, if it is not the first on the PATH, let"
        " JAVA_HOME name its folder."
    )


def test_a_java_that_does_not_tell_its_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JavaError, match=r"does not tell its version \('hello'\)"):
        find_java(_java(tmp_path, "hello"))


def test_a_java_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    environment = _java(tmp_path, "")
    (tmp_path / "bin" / "java").write_bytes(b"\x7fELF but not really")
    with pytest.raises(JavaError, match="can't be run"):
        find_java(environment)


def test_no_java_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(JavaError, match=r"no Java was found \(JAVA_HOME is not set\): install Java 17"):
        find_java({"PATH": str(tmp_path)})


def test_a_java_home_without_java_is_said(tmp_path: Path) -> None:
    with pytest.raises(JavaError, match=f"JAVA_HOME is '{tmp_path}' and there is no {tmp_path}/bin/java"):
        find_java({"JAVA_HOME": str(tmp_path), "PATH": "/usr/bin"})


def test_without_java_home_the_first_on_the_path_is_taken() -> None:
    found = shutil.which("java")
    assert found is not None
    assert find_java({"PATH": str(Path(found).parent)}).program == Path(found)


def test_a_wrong_java_is_refused_before_spark_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _java(tmp_path, 'openjdk version "11.0.22"').items():
        monkeypatch.setenv(name, value)
    with pytest.raises(JavaError, match="is Java 11"):
        session(Settings.read(data=tmp_path / "data"), "tests")
