"""The archive of Spark's classes has a name for each Java and Spark, and a place that can be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.class_archive import archive_path, cache_folder, session_options
from pipeline.java import Java

JAVA = Java(Path("/usr/bin/java"), 17, 'openjdk version "17.0.15"')

_TWO_SESSIONS = """
import sys
from pipeline.class_archive import make_archive
from pipeline.settings import Settings
from pipeline.spark import end, session

started = session(Settings.read(data=sys.argv[1]), "archive")
started.range(3).count()
print(make_archive(started))
end(started)
"""


def _jars(folder: Path, content: str) -> Path:
    folder.mkdir()
    (folder / "spark-core.jar").write_text(content)
    return folder


def test_another_java_or_other_jars_have_another_archive(tmp_path: Path) -> None:
    jars, others = _jars(tmp_path / "jars", "4.2.0"), _jars(tmp_path / "others", "4.2.0, mended")
    newer = JAVA._replace(description='openjdk version "17.0.16"')
    names = {archive_path(tmp_path, *pair) for pair in [(JAVA, jars), (newer, jars), (JAVA, others)]}
    assert len(names) == 3
    assert archive_path(tmp_path, JAVA, jars) in names


def test_the_cache_is_in_the_users_cache_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert cache_folder(tmp_path / "data", {"HOME": str(home)}) == home / ".cache" / "bikewire"
    assert cache_folder(tmp_path / "data", {"XDG_CACHE_HOME": str(home)}) == home / "bikewire"


def test_the_cache_is_in_the_data_folder_where_the_home_cannot_be_written(tmp_path: Path) -> None:
    # Root may write anywhere: a home that is a file can't be written even by root.
    home = tmp_path / "home"
    home.touch()
    assert cache_folder(tmp_path / "data", {"HOME": str(home)}) == tmp_path / "data" / "cache"


def test_an_archive_that_is_there_is_used_and_one_that_is_not_is_prepared(tmp_path: Path) -> None:
    archive = tmp_path / "spark.jsa"
    assert session_options(archive) == (
        {"spark.bikewire.classArchive": str(archive)},
        ["-XX:+RecordDynamicDumpInfo"],
    )
    archive.touch()
    assert session_options(archive) == ({}, [f"-XX:SharedArchiveFile={archive}"])


@pytest.mark.spark
def test_the_first_session_makes_the_archive_and_the_second_uses_it(tmp_path: Path) -> None:
    def start() -> list[str]:
        command = [sys.executable, "-c", _TWO_SESSIONS, str(tmp_path / "data")]
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        asked = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=True)
        return asked.stdout.splitlines()

    first = start()
    (archive,) = (tmp_path / "cache" / "bikewire").iterdir()
    assert first == [str(archive)]
    assert start() == ["None"]
