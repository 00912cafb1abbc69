"""Folders of jars, resolved once with the Ivy that comes inside pyspark, and kept in the user's cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import pyspark

KAFKA = "4.3.1"
CASSANDRA = "5.0.9"


class Module(NamedTuple):
    """A Maven module; ``is_transitive``: with all that it needs."""

    group: str
    name: str
    version: str
    is_transitive: bool = True


SETS: dict[str, tuple[Module, ...]] = {
    f"kafka-{KAFKA}": (
        Module("org.apache.kafka", "kafka_2.13", KAFKA),
        # Kafka logs through slf4j 1.7: without this binding it is silent.
        Module("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.3", is_transitive=False),
    ),
    f"cassandra-{CASSANDRA}": (Module("org.apache.cassandra", "cassandra-all", CASSANDRA),),
}


def folder(name: str) -> Path:
    """The folder with the jars of ``SETS[name]``; fetched when it is not there, safe to interrupt."""
    target = _cache() / name
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=_cache()) as place:
            _retrieve(SETS[name], Path(place))
            shutil.rmtree(target, ignore_errors=True)
            (Path(place) / "lib").rename(target)
    return target


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = home / "bikewire" / "servers"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _retrieve(modules: tuple[Module, ...], place: Path) -> None:
    (place / "ivy.xml").write_text(_ivy_file(modules))
    ivy = next((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))
    command = ["java", f"-Divy.default.ivy.user.dir={_cache() / 'ivy'}", "-jar", str(ivy), "-m2compatible"]
    command += ["-ivy", str(place / "ivy.xml"), "-confs", "default", "-warn"]
    command += ["-retrieve", f"{place}/lib/[artifact]-[revision](-[classifier]).[ext]"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode or not list((place / "lib").glob("*.jar")):
        msg = f"the jars of {modules[0].name} can't be fetched: {(done.stdout + done.stderr)[-2000:]}"
        raise RuntimeError(msg)


def _ivy_file(modules: tuple[Module, ...]) -> str:
    wanted = "".join(
        f'<dependency org="{module.group}" name="{module.name}" rev="{module.version}" conf="default->default"'
        f' transitive="{str(module.is_transitive).lower()}"/>'
        for module in modules
    )
    return (
        '<ivy-module version="2.0"><info organisation="bikewire" module="tests"/>'
        '<configurations><conf name="default"/></configurations>'
        f"<dependencies>{wanted}</dependencies></ivy-module>"
    )
