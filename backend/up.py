"""`bikewire up`: everything on this machine, behind one address."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from backend.supervisor import Part, Supervisor
from pipeline.folder import held
from pipeline.java import find_java
from pipeline.listener import address, listen
from pipeline.settings import Settings

REACH_SECONDS = 5.0
"""How long the default feed may take to answer before the demonstration is shown in its place."""

_REFUSED_AT_ONCE_SECONDS = 0.4
_DEMO_TICK_SECONDS = 10.0
_COLOURS = {"up": "bold", "poll": "cyan", "serve": "green", "stream": "magenta", "simulate": "yellow"}

# Spark loads the module by itself, Java warns of it on every start, and nothing can be done about either.
_NOISE = frozenset({"WARNING: Using incubator modules: jdk.incubator.vector"})

_screen = Console(highlight=False, markup=False, soft_wrap=True)


class Scene(NamedTuple):
    """What is shown: the settings of its parts, the parts beside the server, the descriptor of the held folder."""

    settings: Settings
    parts: tuple[Part, ...]
    lock: int


def up(settings: Settings, *, demo: bool) -> None:
    """Run poller, stream and server until Ctrl-C or SIGTERM; ``demo`` shows the simulated system.

    The first line on the screen is the address of the map. When no feed was named and the default one can't be
    reached, the simulated system is shown instead. Raises JavaError, FolderInUse or SettingsError before anything
    is started, PartRefused when a part can't run here.
    """
    find_java()
    with ExitStack() as stage:
        scene = stage.enter_context(_demo(settings) if demo else _real(settings))
        with listen(settings.host, settings.port) as listener:
            _screen.print(address(listener), style="bold")
            default = not demo and "feeds" not in settings.model_fields_set
            if asyncio.run(_play(scene, listener, settings.feeds[0] if default else None)):
                stage.close()
                scene = stage.enter_context(_demo(settings))
                _tell_of_demo(settings, scene)
                asyncio.run(_play(scene, listener, None))
    _say("up", "stopped: all parts have ended.")


@contextmanager
def _real(settings: Settings) -> Iterator[Scene]:
    with held(settings.data) as lock:
        yield Scene(settings, _pipeline(settings), lock)


def _pipeline(settings: Settings) -> tuple[Part, ...]:
    """Poller and stream; where they are to serve metrics, each at a port of its own."""
    first = settings.metrics_port
    ports = [() if not first else ("--metrics-port", str(first + number)) for number in (0, 1)]
    return Part("poll", ("poll", *ports[0])), Part("stream", ("stream", *ports[1]))


@contextmanager
def _demo(settings: Settings) -> Iterator[Scene]:
    with listen("127.0.0.1", 0) as simulator, held(_demo_folder(settings)) as lock:
        shown = demo_settings(settings, f"{address(simulator)}gbfs.json")
        descriptor = simulator.fileno()
        arguments = ("simulate", "--listener", str(descriptor), "--tick", str(_DEMO_TICK_SECONDS))
        parts = Part("simulate", arguments, (descriptor,)), *_pipeline(shown)
        yield Scene(shown, parts, lock)


def demo_settings(settings: Settings, feed: str) -> Settings:
    """The settings for the simulated system: its data lies beside the real ones', never among them."""
    poll = {} if "min_poll_seconds" in settings.model_fields_set else {"min_poll_seconds": _DEMO_TICK_SECONDS}
    places = {"data": _demo_folder(settings), "log": "", "store": "", "lake": ""}
    return Settings.read(**{**settings.model_dump(), **poll, **places, "systems": "", "feeds": (feed,)})


def _demo_folder(settings: Settings) -> Path:
    return settings.data.with_name(f"{settings.data.name}-demo")


def environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, for the parts."""
    values = settings.model_dump(exclude_none=True)
    return {
        f"BIKEWIRE_{name.upper()}": ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in values.items()
    }


async def _play(scene: Scene, listener: socket.socket, doubtful_feed: str | None) -> bool:
    """Run the scene's parts until a signal (False), or until the doubtful feed proves out of reach (True)."""
    stop = asyncio.create_task(_signal())
    lost = asyncio.create_task(_loss(doubtful_feed))
    if doubtful_feed is not None:
        # A machine without network says so at once: then the parts need not be started twice.
        await asyncio.wait({lost, stop}, timeout=_REFUSED_AT_ONCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if not lost.done() and not stop.done():
        shown = asyncio.create_task(_show(scene, listener))
        await asyncio.wait({shown, stop, lost}, return_when=asyncio.FIRST_COMPLETED)
        await _cancel(shown)
    is_lost = lost.done() and not stop.done()
    await asyncio.gather(_cancel(stop), _cancel(lost))
    return is_lost


async def _show(scene: Scene, listener: socket.socket) -> None:
    descriptor = listener.fileno()
    server = Part("serve", ("serve", "--listener", str(descriptor)), (descriptor,))
    await Supervisor(_say, environment(scene.settings), (scene.lock,)).run((server, *scene.parts))


async def _signal() -> None:
    """Ends when somebody wants us to stop; further signals change nothing."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


async def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel the task and wait for its end; raises what it failed with."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()


async def _loss(feed: str | None) -> None:
    """Ends when the feed can't be reached; goes on for ever when it can."""
    if feed is None or await reaches(feed, REACH_SECONDS):
        await asyncio.Event().wait()


async def reaches(feed: str, seconds: float) -> bool:
    """Whether the feed's discovery document comes within so many seconds."""
    import httpx  # after the address is on the screen

    try:
        async with asyncio.timeout(seconds), httpx.AsyncClient(follow_redirects=True) as client:
            answer = await client.get(feed)
            return answer.status_code == httpx.codes.OK and isinstance(answer.json(), dict)
    except (httpx.HTTPError, TimeoutError, ValueError):
        return False


def _tell_of_demo(settings: Settings, scene: Scene) -> None:
    text = Text.assemble(
        f"{settings.feeds[0]} can't be reached, so this is brest-demo: a SIMULATED system, no real bikes.\n",
        f"Its data is kept apart, in {scene.settings.data}. Start again when there is a network.",
    )
    _screen.print(Panel(text, title="Simulated data", border_style="bold red"), soft_wrap=False)


def _say(part: str, line: str) -> None:
    if line in _NOISE:
        return
    printable = "".join(character if character.isprintable() else " " for character in line)
    _screen.print(Text.assemble((f"{part:<9}", _COLOURS[part]), printable))
