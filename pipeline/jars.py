"""Jars from Maven Central, fetched once with the Ivy that comes inside PySpark, and kept in the user's cache folder.

``python -m pipeline.jars`` fetches what Spark needs for Kafka ahead of time (an image is built with it): from then on
nothing is fetched at a start.
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pipeline.java import find_java
from pipeline.ports import BikewireError

logger = logging.getLogger(__name__)

FETCH_SECONDS = 600


class Module(NamedTuple):
    """A Maven module; ``is_transitive``: with all that it needs."""

    group: str
    name: str
    version: str
    is_transitive: bool = True


SPARK_KAFKA = (
    # The version of the PySpark that we pin. Of all that they need Spark itself lacks these four only.
    Module("org.apache.spark", "spark-sql-kafka-0-10_2.13", "4.2.0", is_transitive=False),
    Module("org.apache.spark", "spark-token-provider-kafka-0-10_2.13", "4.2.0", is_transitive=False),
    Module("org.apache.kafka", "kafka-clients", "3.9.2", is_transitive=False),
    Module("org.apache.commons", "commons-pool2", "2.13.1", is_transitive=False),
)


class JarsError(BikewireError):
    """Jars that are needed are not there, and can't be fetched."""


def spark_kafka_jars() -> list[Path]:
    """The jars of Spark's source for Kafka; fetched when they are not there. Raises JarsError."""
    return sorted(fetched(cache() / "jars" / "spark-kafka-4.2.0", SPARK_KAFKA).glob("*.jar"))


def fetched(folder: Path, modules: tuple[Module, ...]) -> Path:
    """The folder with the modules' jars; fetched when it is not there, safe to interrupt. Raises JarsError."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent):
            _fetch(folder, modules)
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process after the other: Ivy's own cache is not made for two at once."""
    with (folder / "fetching.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path, modules: tuple[Module, ...]) -> None:
    if folder.exists():  # another process was faster
        return
    logger.info("jars: fetching %s from Maven Central, once", folder.name)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        _retrieve(folder.name, modules, Path(place))
        (Path(place) / "lib").rename(folder)


def cache() -> Path:
    """The user's cache folder of Bikewire."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bikewire"


def _retrieve(name: str, modules: tuple[Module, ...], place: Path) -> None:
    (place / "ivy.xml").write_text(_ivy_file(modules))
    command = [str(find_java().program), f"-Divy.default.ivy.user.dir={cache() / 'ivy'}", "-jar", str(_ivy())]
    command += [
        "-m2compatible",
        "-ivy",
        str(place / "ivy.xml"),
        "-confs",
        "default",
        "-types",
        "jar",
        "bundle",
        "-warn",
    ]
    # A mirror of Maven Central is named in a file of Ivy's settings.
    if settings := os.environ.get("IVY_SETTINGS"):
        command += ["-settings", settings]
    command += ["-retrieve", f"{place}/lib/[artifact]-[revision](-[classifier]).[ext]"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_SECONDS)
    except subprocess.TimeoutExpired as error:
        msg = f"The jars of {name} could not be fetched from Maven Central within {FETCH_SECONDS} s."
        raise JarsError(msg) from error
    if done.returncode or not list((place / "lib").glob("*.jar")):
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        failed = next(
            (line for line in lines if "not found" in line or "UNRESOLVED" in line.upper()), "".join(lines[-1:])
        )
        msg = f"The jars of {name} can't be fetched from Maven Central: {failed or 'Ivy says nothing'}."
        raise JarsError(msg)


def _ivy() -> Path:
    found = find_spec("pyspark")
    assert found is not None
    assert found.origin is not None
    return next((Path(found.origin).parent / "jars").glob("ivy-*.jar"))


def _ivy_file(modules: tuple[Module, ...]) -> str:
    wanted = "".join(
        f'<dependency org="{module.group}" name="{module.name}" rev="{module.version}" conf="default->default"'
        f' transitive="{str(module.is_transitive).lower()}"/>'
        for module in modules
    )
    return (
        '<ivy-module version="2.0"><info organisation="bikewire" module="jars"/>'
        '<configurations><conf name="default"/></configurations>'
        f"<dependencies>{wanted}</dependencies></ivy-module>"
    )


def main() -> None:
    """Fetch the jars, and print where they are."""
    try:
        sys.stdout.writelines(f"{jar}\n" for jar in spark_kafka_jars())
    except BikewireError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
