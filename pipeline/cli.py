"""The pipeline's commands. Whatever takes long to import is imported inside the command that needs it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from pipeline.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    # A fault of ours is told with a plain traceback: nothing hidden, nothing decorated.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
screen = Console(highlight=False, markup=False, soft_wrap=True)

Data = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder of everything that is kept. [BIKEWIRE_DATA]")]
Listener = Annotated[int | None, typer.Option(hidden=True, help="Descriptor of a socket that listens already.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")]


def configure(**overrides: object) -> Settings:
    """The settings with the command's options over them; logging is set up by them."""
    from pipeline.logs import set_up
    from pipeline.settings import Settings

    settings = Settings.read(**overrides)
    set_up(settings.log_level)
    return settings


@contextmanager
def stoppable(what: str) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block in the same orderly way, and ``what`` says so."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    except KeyboardInterrupt:
        screen.print(what)


@app.command()
def poll(
    feeds: Annotated[list[str] | None, typer.Argument(metavar="[FEED]...", help="Discovery URLs (gbfs.json).")] = None,
    data: Data = None,
) -> None:
    """Poll feeds into the log until Ctrl-C.

    Example: [bold]bikewire poll https://example.org/gbfs.json --data paris[/]
    """
    import asyncio

    settings = configure(feeds=tuple(feeds) if feeds else None, data=data)
    with stoppable("Stopped polling; every poll so far is in the log."):
        asyncio.run(_poll(settings))


async def _poll(settings: Settings) -> None:
    from pipeline.model import Topic
    from pipeline.poller import poll_forever
    from pipeline.wiring import open_log

    async with open_log(settings.log) as log:
        await log.create(list(Topic))
        await poll_forever(settings, log)


@app.command()
def stream(
    available_now: Annotated[
        bool, typer.Option("--available-now", help="End when everything in the log is computed and in the lake.")
    ] = False,
    data: Data = None,
) -> None:
    """Compute live figures, the lake and today's figures from the log.

    Example: [bold]bikewire stream --available-now[/]
    """
    settings = configure(data=data)
    with stoppable("Stopped streaming; it goes on from here next time."):
        from pipeline.stream import run

        run(settings, available_now=available_now)
        screen.print("Everything in the log is computed.")


@app.command()
def simulate(
    systems: Annotated[int, typer.Option(min=1, help="How many systems; the first is brest-demo.")] = 1,
    stations: Annotated[
        int | None, typer.Option(min=1, help="Stations of each system; all systems are then generated ones.")
    ] = None,
    vehicles: Annotated[int | None, typer.Option(min=0, help="Vehicles of each system.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8001,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rides.")] = 1,
    tick: Annotated[float, typer.Option(min=0.05, help="Seconds between changes of the counts; also the ttl.")] = 60,
    speed: Annotated[float, typer.Option(min=0.01, help="How much faster simulated time runs.")] = 1,
    listener: Listener = None,
) -> None:
    """Serve simulated systems as GBFS 2.3 and 3.0 over HTTP until Ctrl-C.

    Example: [bold]bikewire simulate --systems 3 --stations 200 --tick 10[/]
    """
    from pipeline.listener import address, adopt, listen
    from pipeline.simulator.server import run, simulator

    with adopt(listener) if listener is not None else listen(host, port) as bound, stoppable("Stopped simulating."):
        simulation = simulator(systems, stations, vehicles, seed, tick, speed)
        for system_id in simulation.systems:
            screen.print(f"{system_id}: {address(bound)}{system_id}/gbfs.json (2.3), …/{system_id}/v3/gbfs.json (3.0)")
        run(simulation, bound)
