"""The archive of Spark's classes (AppCDS), made once, from which later sessions start two to three times faster."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.java import Java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

logger = logging.getLogger(__name__)

_ARCHIVE = "spark.bikewire.classArchive"


def cache_folder(data: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """The user's cache folder, shared by all data folders; in the data folder where the home is read-only."""
    home = environment.get("HOME", "")
    user = Path(environment.get("XDG_CACHE_HOME") or Path(home or data) / ".cache") / "bikewire"
    return user if _is_writable(user) else data / "cache"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def archive_path(folder: Path, java: Java, jars: Path) -> Path:
    """Where the archive for exactly this Java and these jars lies: any other pair has another name.

    The JVM compares the jars' paths, sizes and times itself; a name of our own saves it from finding a stranger.
    """
    signature = hashlib.sha256(f"{java.program.resolve()} {java.description} {jars.resolve()}".encode())
    for jar in sorted(jars.glob("*.jar")):
        stat = jar.stat()
        signature.update(f"{jar.name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return folder / f"spark-classes-{signature.hexdigest()[:16]}.jsa"


def session_options(archive: Path) -> tuple[dict[str, str], list[str]]:
    """The Spark settings and the JVM options that use the archive, or that prepare for making it."""
    if archive.exists():
        return {}, [f"-XX:SharedArchiveFile={archive}"]
    return {_ARCHIVE: str(archive)}, ["-XX:+RecordDynamicDumpInfo"]


def make_archive(spark: SparkSession) -> Path | None:
    """Write down the classes that the session has loaded so far; its JVM stands still for 2 to 6 seconds.

    Returns None when the session started from an archive, or when none could be made (that is logged and harmless).
    """
    target = spark.sparkContext.getConf().get(_ARCHIVE)
    if target is None or Path(target).exists():
        return None
    started = time.monotonic()
    # Made under another name and renamed when whole: a JVM that dies while writing leaves no broken archive.
    unfinished = Path(f"{target}.{os.getpid()}.part")
    try:
        _dump(spark, unfinished)
        unfinished.replace(target)
    except OSError as error:
        logger.info("spark: no class archive was made (%s); the next start is as slow as this one", error)
        return None
    finally:
        unfinished.unlink(missing_ok=True)
    logger.info("spark: made the class archive %s in %.1f s; later starts use it", target, time.monotonic() - started)
    return Path(target)


def _dump(spark: SparkSession, file: Path) -> None:
    """What `jcmd PID VM.cds dynamic_dump FILE` does, through the JVM's own management bean.

    jcmd comes with a JDK only. Py4J does not call classes that a module hides, hence by reflection.
    """
    context = spark.sparkContext
    jvm: Any = spark._jvm  # noqa: SLF001  # PySpark's only way to the JVM
    gateway: Any = context._gateway  # noqa: SLF001

    def array(kind: Any, *values: object) -> Any:
        made = gateway.new_array(kind, len(values))
        for index, value in enumerate(values):
            made[index] = value
        return made

    beans = jvm.java.lang.management.ManagementFactory.getPlatformMBeanServer()
    commands = jvm.javax.management.ObjectName("com.sun.management:type=DiagnosticCommand")
    methods = jvm.java.lang.Class.forName("javax.management.MBeanServer").getMethods()
    invoke = next(method for method in methods if method.getName() == "invoke")
    parameters = array(jvm.java.lang.Object, array(jvm.java.lang.String, "dynamic_dump", str(file)))
    signature = array(jvm.java.lang.String, "[Ljava.lang.String;")
    system = jvm.java.lang.System
    screen = system.out
    # The JVM says where it dumped to; we say it ourselves, once the file is whole.
    system.setOut(jvm.java.io.PrintStream(jvm.java.io.OutputStream.nullOutputStream()))
    try:
        answer = invoke.invoke(beans, array(jvm.java.lang.Object, commands, "vmCds", parameters, signature))
    finally:
        system.setOut(screen)
    if not file.exists():
        raise OSError(str(answer).strip())
