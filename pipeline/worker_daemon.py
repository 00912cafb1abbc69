"""PySpark's daemon of Python workers, for workers that only read a log: smaller, and they end without a trace."""

from __future__ import annotations

import socket

from pyspark import daemon

from pipeline.no_pandas import refuse_pandas

_work = daemon.worker


def worker(sock: socket.socket, authenticated: bool) -> int:
    """Works until Spark closes the socket.

    Spark does so after a minute without work, and over a Unix socket the worker's goodbye then breaks: no news.
    """
    refuse_pandas()
    try:
        return _work(sock, authenticated)
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    daemon.worker = worker
    daemon.manager()
