"""The Java that Spark will run on: found, asked for its version, and refused in one sentence if it won't do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.ports import BikewireError

OLDEST_MAJOR = 17
"""Spark 4.2 runs on Java 17 and newer."""

_ADVICE = (
    "install Java 17 (Debian and Ubuntu: apt install openjdk-17-jre-headless; elsewhere: https://adoptium.net)"
    " and, if it is not the first on the PATH, let JAVA_HOME name its folder."
)


class JavaError(BikewireError):
    """There is no Java that Spark could run on; the text says what was found and how to get the right one."""


class Java(NamedTuple):
    """A Java runtime: its program, its major version and all that it says of its version."""

    program: Path
    major: int
    description: str


def find_java(environment: Mapping[str, str] = os.environ) -> Java:
    """The Java that Spark's launcher would take: JAVA_HOME's, else the PATH's. Raises JavaError."""
    program = _program(environment)
    description = _version_text(program)
    major = _major(description)
    if major is None:
        msg = f"Spark needs Java {OLDEST_MAJOR}, but {program} does not tell its version ({description!r}): {_ADVICE}"
        raise JavaError(msg)
    if major < OLDEST_MAJOR:
        msg = f"Spark needs Java {OLDEST_MAJOR}, but {program} is Java {major}: {_ADVICE}"
        raise JavaError(msg)
    return Java(program, major, description)


def _program(environment: Mapping[str, str]) -> Path:
    home = environment.get("JAVA_HOME")
    if home:
        program = Path(home) / "bin" / "java"
        if not os.access(program, os.X_OK):
            msg = f"Spark needs Java {OLDEST_MAJOR}, but JAVA_HOME is {home!r} and there is no {program}: {_ADVICE}"
            raise JavaError(msg)
        return program
    found = shutil.which("java", path=environment.get("PATH", ""))
    if found is None:
        msg = f"Spark needs Java {OLDEST_MAJOR}, and no Java was found (JAVA_HOME is not set): {_ADVICE}"
        raise JavaError(msg)
    return Path(found)


def _version_text(program: Path) -> str:
    try:
        asked = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"Spark needs Java {OLDEST_MAJOR}, but {program} can't be run ({error}): {_ADVICE}"
        raise JavaError(msg) from error
    return (asked.stderr + asked.stdout).strip()


def _major(description: str) -> int | None:
    # Java 8 and older call themselves 1.8.0_392; newer ones 17.0.15, 21, 23-ea.
    match = re.search(r'version "(?:1\.)?(\d+)', description)
    return int(match[1]) if match else None
