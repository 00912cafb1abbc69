"""What Python runs first in the processes that Spark starts: this folder stands first in their PYTHONPATH.

They only read a log. So they do without pandas; and when Spark, over a Unix socket, sends one home that had nothing to
do for a minute, the goodbye that it can't say is no news: PySpark would print a trace of it.
"""

import sys
import traceback
from typing import Any

from pipeline.no_pandas import refuse_pandas

_print_exc = traceback.print_exc


def _print_news(*arguments: Any, **options: Any) -> None:
    if not isinstance(sys.exc_info()[1], BrokenPipeError):
        _print_exc(*arguments, **options)


if "pyspark.daemon" in sys.orig_argv:
    refuse_pandas()
    traceback.print_exc = _print_news
    # Here, before the workers are forked, so that they share it.
    import pipeline.adapters.sqlite_source  # noqa: F401
