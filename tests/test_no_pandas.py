"""Processes that do without pandas."""

from __future__ import annotations

import subprocess
import sys


def in_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_pyarrow_works_and_leaves_pandas_out() -> None:
    makes = "import sys, pyarrow; print(pyarrow.array([1, None]).to_pylist(), 'pandas' in sys.modules)"
    refusing = "from pipeline.no_pandas import refuse_pandas; refuse_pandas(); "
    assert in_python(makes) == "[1, None] True"
    assert in_python(refusing + makes) == "[1, None] False"


def test_an_import_of_pandas_fails_as_if_it_were_not_installed() -> None:
    code = """
from pipeline.no_pandas import refuse_pandas
refuse_pandas()
try:
    import pandas
except ImportError as error:
    print(error)
"""
    assert in_python(code) == "this process does without pandas"
