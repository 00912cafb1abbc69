"""PySpark's daemon of Python workers, without its trace of every worker that Spark retires."""

from __future__ import annotations

import socket

from pyspark import daemon

_work = daemon.worker


def worker(sock: socket.socket, authenticated: bool) -> int:
    """Works until Spark closes the socket.

    Spark does so after a minute without work, and over a Unix socket the worker's goodbye then breaks: no news.
    """
    try:
        return _work(sock, authenticated)
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    daemon.worker = worker
    daemon.manager()
