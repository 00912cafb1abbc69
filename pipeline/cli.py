"""The pipeline's commands. Whatever takes long to import is imported inside the command that needs it."""

from __future__ import annotations

import logging
import math
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import FrameType
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
MetricsPort = Annotated[
    int | None, typer.Option(metavar="PORT", help="Port of the Prometheus metrics. [BIKEWIRE_METRICS_PORT]")
]
_DAY = ["%Y-%m-%d"]


def configure(**overrides: object) -> Settings:
    """The settings with the command's options over them; logging is set up by them."""
    from pipeline.logs import set_up
    from pipeline.settings import Settings

    settings = Settings.read(**overrides)
    set_up(settings.log_level)
    return settings


@contextmanager
def stoppable(what: str, *, with_spark: bool = False) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block in the same orderly way, and ``what`` says so."""

    def hush(number: int, frame: FrameType | None) -> None:
        _hush()
        signal.default_int_handler(number, frame)

    # Python's own handler is the one that asyncio takes over, to cancel what runs where it waits, not in mid-step.
    signal.signal(signal.SIGINT, hush if with_spark else signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        yield
    except KeyboardInterrupt:
        screen.print(what)


def _hush() -> None:
    """Say nothing more on standard error.

    Whatever is in flight breaks when Spark's JVM ends, in threads of PySpark's that tell it in pages of traces.
    """
    logging.disable()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


@app.command()
def poll(
    feeds: Annotated[list[str] | None, typer.Argument(metavar="FEED", help="Discovery URLs (gbfs.json).")] = None,
    data: Data = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Poll feeds into the log until Ctrl-C.

    Example: [bold]bikewire poll https://example.org/gbfs.json --data paris[/]
    """
    import asyncio

    settings = configure(feeds=tuple(feeds) if feeds else None, data=data, metrics_port=metrics_port)
    with stoppable("Stopped polling; every poll so far is in the log."):
        asyncio.run(_poll(settings))


async def _poll(settings: Settings) -> None:
    from pipeline.model import Topic
    from pipeline.poller import poll_forever
    from pipeline.wiring import open_log

    async with open_log(settings.log, "poller") as log:
        await log.create(list(Topic))
        await poll_forever(settings, log)


@app.command()
def stream(
    available_now: Annotated[
        bool, typer.Option("--available-now", help="End when everything in the log is computed and in the lake.")
    ] = False,
    data: Data = None,
    metrics_port: MetricsPort = None,
) -> None:
    """Compute live figures, the lake and today's figures from the log.

    Example: [bold]bikewire stream --available-now[/]
    """
    settings = configure(data=data, metrics_port=metrics_port)
    with stoppable("Stopped streaming; it goes on from here next time.", with_spark=True):
        from pipeline.no_pandas import refuse_pandas

        refuse_pandas()
        from pipeline.resident import run

        run(settings, available_now=available_now)
        screen.print("Everything in the log is computed.")


@app.command()
def batch(
    date: Annotated[
        datetime | None, typer.Option(help="The local day to compute.", formats=_DAY, metavar="YYYY-MM-DD")
    ] = None,
    first: Annotated[
        datetime | None,
        typer.Option("--from", help="The first local day of a range.", formats=_DAY, metavar="YYYY-MM-DD"),
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", help="The last local day of a range.", formats=_DAY, metavar="YYYY-MM-DD")
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="ID", help="Only this system; default: all.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Compute days of which nothing has changed, too.")] = False,
    data: Data = None,
) -> None:
    """Compute the figures of local days; a day of which nothing has changed since it was computed is left alone.

    Example: [bold]bikewire batch --from 2026-03-01 --to 2026-03-31 --system velozef[/]
    """
    days = _days(date, first, last)
    settings = configure(data=data)
    with stoppable("Stopped; the days named above are computed.", with_spark=True):
        from pipeline.batch_view import batch_on

        batch_on(screen, settings, days, system, force=force)


def _days(only: datetime | None, first: datetime | None, last: datetime | None) -> list[date]:
    if only is not None and first is None and last is None:
        return [only.date()]
    if only is not None or first is None or last is None or first > last:
        msg = "give --date D, or --from D --to D with the earlier day first."
        raise typer.BadParameter(msg)
    return [(first + timedelta(days=number)).date() for number in range((last - first).days + 1)]


@app.command()
def replay(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Recorded polls: NDJSON, plain or gzip.", exists=True, dir_okay=False)
    ],
    speed: Annotated[str, typer.Option(metavar="N|max", help="Seconds of the recording per second.")] = "1",
    system: Annotated[str | None, typer.Option(metavar="ID", help="Publish the recording as this system.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Move the recording to the present.")] = False,
    data: Data = None,
) -> None:
    """Put recorded polls into the log, under their recorded times or moved to the present.

    Example: [bold]bikewire replay night.ndjson.gz --speed max --system velozef[/]
    """
    import asyncio

    factor = _speed(speed)
    settings = configure(data=data)
    with stoppable("Stopped replaying; every poll so far is in the log."):
        asyncio.run(_replay(settings, file, factor, system, now))


def _speed(text: str) -> float | None:
    try:
        speed = None if text == "max" else float(text)
    except ValueError:
        speed = math.nan
    if speed is not None and not 0 < speed < math.inf:
        msg = f"--speed: {text!r} is neither a number above 0 nor max."
        raise typer.BadParameter(msg)
    return speed


async def _replay(settings: Settings, file: Path, speed: float | None, system_id: str | None, to_now: bool) -> None:
    from rich.progress import Progress

    from pipeline.replay import replay
    from pipeline.wiring import open_log

    async with open_log(settings.log) as log:
        with Progress(console=screen) as bar:
            task = bar.add_task(file.name)
            report = await replay(
                file,
                log,
                settings,
                system_id=system_id,
                speed=speed,
                to_now=to_now,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    told = f"{report.polls:,} polls with {report.records:,} records"
    if report.start is not None and report.end is not None:
        told += f", {_in_utc(report.start)} to {_in_utc(report.end)} UTC"
    screen.print(f"{told}.")
    if report.refused:
        screen.print(f"{report.refused:,} lines were refused, e.g.: {report.refusals[0]}")


def _in_utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


@app.command()
def migrate(
    from_log: Annotated[
        str | None, typer.Option(metavar="URL", help="Log to move; default: the data folder's.")
    ] = None,
    from_store: Annotated[
        str | None, typer.Option(metavar="URL", help="Store to move; default: the data folder's.")
    ] = None,
    data: Data = None,
) -> None:
    """Move an installation on this machine to the log and the store that BIKEWIRE_LOG and BIKEWIRE_STORE name.

    Nothing of either may run. Killed, it goes on where it was; what it moves stays as it is.

    Example: [bold]bikewire migrate --from-log sqlite:////srv/log.sqlite --from-store sqlite:////srv/store.sqlite[/]
    """
    import asyncio

    from pipeline.migrate_view import migrate_on

    settings = configure(data=data)
    with stoppable("Stopped moving; run it again to go on from here."):
        asyncio.run(migrate_on(screen, settings, from_log, from_store))


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False, data: Data = None
) -> None:
    """Show what is there: systems, feeds, progress, computed days, sizes.

    Example: [bold]bikewire status --json[/]
    """
    import asyncio

    import msgspec

    from pipeline.status import present, read_status
    from pipeline.status_view import view

    found = asyncio.run(read_status(configure(data=data), present()))
    screen.print(msgspec.json.encode(found).decode() if as_json else view(found))


@app.command()
def simulate(
    systems: Annotated[int, typer.Option(metavar="N", min=1, help="How many systems; the first is brest-demo.")] = 1,
    stations: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Stations of each system; all systems are then generated ones."),
    ] = None,
    vehicles: Annotated[int | None, typer.Option(metavar="N", min=0, help="Vehicles of each system.")] = None,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8001,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same rides.")] = 1,
    tick: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.05, help="Seconds between changes of the counts; also the ttl.")
    ] = 60,
    speed: Annotated[float, typer.Option(metavar="N", min=0.01, help="How much faster simulated time runs.")] = 1,
    listener: Listener = None,
) -> None:
    """Serve simulated systems as GBFS 1.1, 2.3 and 3.0 over HTTP until Ctrl-C; POST /faults breaks them.

    Example: [bold]bikewire simulate --systems 3 --stations 200 --tick 10[/]
    """
    from pipeline.listener import address, adopt, listen
    from pipeline.simulator.server import run, simulator

    with adopt(listener) if listener is not None else listen(host, port) as bound, stoppable("Stopped simulating."):
        simulation = simulator(systems, stations, vehicles, seed, tick, speed)
        for system_id in simulation.systems:
            screen.print(f"{system_id}: {address(bound)}{system_id}/gbfs.json (2.3), …/v1/gbfs.json, …/v3/gbfs.json")
        run(simulation, bound)
