"""The `bikewire` command: the pipeline's commands, the server, and everything at once."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

import pipeline.cli_feeds  # noqa: F401  # adds its commands to the app
from pipeline.cli import Data, Listener, app, configure, screen, stoppable
from pipeline.ports import BikewireError

__all__ = ["app", "main"]

Port = Annotated[
    int | None, typer.Option(metavar="PORT", help="Port to listen on; 0 takes a free one. [BIKEWIRE_PORT]")
]
Host = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on. [BIKEWIRE_HOST]")]


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        screen.print(f"bikewire {version('bikewire')}")
        raise typer.Exit


@app.callback()
def bikewire(
    debug: Annotated[bool, typer.Option("--debug", help="Log everything. [BIKEWIRE_LOG_LEVEL=DEBUG]")] = False,
    parent: Annotated[int | None, typer.Option(hidden=True, help="End when this pipe is closed.")] = None,
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_show_version)] = False,
) -> None:
    """Bikewire turns GBFS feeds into a live map, a GraphQL API and daily figures.

    Every command takes its settings from the environment (BIKEWIRE_…); options go over them.
    """
    if parent is not None:
        from backend.parent import end_with_parent

        end_with_parent(parent)
    if debug:
        # Through the environment, so that the processes of `up` hear of it too.
        os.environ["BIKEWIRE_LOG_LEVEL"] = "DEBUG"


@app.command()
def up(
    feeds: Annotated[
        list[str] | None,
        typer.Argument(metavar="FEED", help="Discovery URLs (gbfs.json); default: Vélozef. [BIKEWIRE_FEEDS]"),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Show a simulated Brest, in a data folder of its own.")] = False,
    data: Data = None,
    host: Host = None,
    port: Port = None,
) -> None:
    """Run everything on this machine: poller, stream, server; the first line is the address of the map.

    Example: [bold]bikewire up https://example.org/gbfs.json --port 8080[/]
    """
    from backend.up import up as run_up

    if demo and feeds:
        msg = "--demo shows the simulated system: name no feeds with it."
        raise typer.BadParameter(msg)
    run_up(configure(feeds=tuple(feeds) if feeds else None, data=data, host=host, port=port), demo=demo)


@app.command()
def serve(data: Data = None, host: Host = None, port: Port = None, listener: Listener = None) -> None:
    """Serve the map and the GraphQL API until Ctrl-C.

    Example: [bold]bikewire serve --port 8080[/]
    """
    from pipeline.listener import address, adopt, listen

    settings = configure(data=data, host=host, port=port)
    with adopt(listener) if listener is not None else listen(settings.host, settings.port) as bound:
        if listener is None:
            screen.print(address(bound))
        from backend.server import serve as run_server
        from pipeline.no_pandas import refuse_pandas

        # Parquet files are written without it.
        refuse_pandas()
        with stoppable("Stopped serving."):
            run_server(settings, bound)


def main() -> None:
    """The `bikewire` command. Exit codes: 0 done, 1 failed, 2 wrong option or setting, 130 interrupted."""
    try:
        app(prog_name="bikewire")
    except BikewireError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
