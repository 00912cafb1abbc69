"""A Spark standalone cluster, each daemon one JVM from the jars in the pip package."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import psutil
import pyspark

from pipeline.java import find_java
from tests.servers.process import Server, free_port

_HOME = Path(pyspark.__file__).parent
_OPTIONS = [
    *("-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xlog:disable"),
    # Of masters and workers alike: a worker gives a sign of life every quarter of its own value.
    "-Dspark.worker.timeout=10",
]


class _Daemon(Server):
    """A master or a worker: what it says of itself is at its web page's /json."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, self._page_port = free_port(), free_port()

    def start(self, seconds: float = 120) -> None:
        # Workers find Spark's jars for their executors by these two.
        os.environ["SPARK_HOME"] = str(_HOME)
        super().start(seconds)

    def page(self) -> dict[str, Any] | None:
        """What it says of itself; None when it does not answer."""
        with suppress(URLError, OSError), urlopen(f"http://127.0.0.1:{self._page_port}/json/", timeout=2) as answer:
            said: dict[str, Any] = json.load(answer)
            return said
        return None

    def _command(self, main: str, *options: str) -> list[str]:
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--webui-port", str(self._page_port)]
        java = [str(find_java().program), *_OPTIONS, *options, "-cp", f"{_HOME}/jars/*"]
        return [*java, f"org.apache.spark.deploy.{main}", *place]


class SparkMaster(_Daemon):
    """A master; with ``remembers`` it knows its workers and applications again after it was killed."""

    def __init__(self, folder: Path, *, remembers: bool = True) -> None:
        super().__init__(folder)
        memory = [f"-Dspark.deploy.recoveryDirectory={folder}/recovery", "-Dspark.deploy.recoveryMode=FILESYSTEM"]
        self._memory = memory if remembers else []

    @property
    def url(self) -> str:
        return f"spark://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return self._command("master.Master", *self._memory)

    def answers(self) -> bool:
        said = self.page()
        return said is not None and said["status"] == "ALIVE"

    def alive_workers(self) -> int:
        """How many workers it counts on."""
        said = self.page()
        return int(said["aliveworkers"]) if said else 0


class SparkWorker(_Daemon):
    """A worker with one core of the master's; with ``hides`` that folder is another one to it, and empty."""

    def __init__(self, folder: Path, master: SparkMaster, hides: Path | None = None) -> None:
        super().__init__(folder)
        self._master = master
        self._hides = hides

    def command(self) -> list[str]:
        worker = self._command("worker.Worker", f"-Djava.io.tmpdir={self.folder}")
        worker += ["--cores", "1", "--memory", "700m", "--work-dir", str(self.folder), self._master.url]
        return worker if self._hides is None else [*_without(self._hides), *worker]

    def answers(self) -> bool:
        """Whether the master counts on it."""
        said = self._master.page()
        workers = said["workers"] if said else []
        return any(worker["port"] == self.port and worker["state"] == "ALIVE" for worker in workers)

    def kill(self) -> None:
        """As a machine that loses its power: the executors with it."""
        executors = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        super().kill()
        for executor in executors:
            with suppress(psutil.NoSuchProcess):
                executor.kill()


def _without(folder: Path) -> list[str]:
    """The beginning of a command that sees an empty folder there."""
    return ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs tmpfs "{folder}" && exec "$@"', "sh"]
