"""Clients of Kafka: started when a broker answers, quiet while none does, their errors said in a sentence."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer  # type: ignore[import-untyped]
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from pipeline.adapters.kafka_url import KafkaPlace
from pipeline.ports import LogError

logger = logging.getLogger(__name__)

FIRST_START_SECONDS = 60.0
"""How long a process waits for a broker when it has not seen one yet: the broker may be starting too."""

START_SECONDS = 10.0
"""How long it waits when a broker was there before."""

REQUEST_MILLISECONDS = 10_000
"""A connection on which nothing is answered for so long is given up."""

CLOSE_SECONDS = 2.0

_FIRST_PAUSE_SECONDS = 0.1
_LAST_PAUSE_SECONDS = 2.0

Client = TypeVar("Client", bound=Any)


def quieten() -> None:
    """The client library says ten lines a second while a broker is away; those who use it say one."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    # It also keeps errors, of which it has told, in futures of its own at which nobody looks.
    logging.getLogger("asyncio").addFilter(_is_news)


def _is_news(said: logging.LogRecord) -> bool:
    error = said.exc_info[1] if said.exc_info else None
    return not (isinstance(error, KafkaError) and "never retrieved" in said.getMessage())


class Clients:
    """What one log needs of Kafka: clients that are started when they are first wanted, and stopped together."""

    def __init__(self, place: KafkaPlace) -> None:
        self._place = place
        self._is_known = False
        self._kept: dict[str, Any] = {}
        self._lock = asyncio.Lock()
        quieten()

    async def admin(self) -> AIOKafkaAdminClient:
        """For topics."""
        return await self._keep("admin", lambda: AIOKafkaAdminClient(**self.options))

    async def reader(self, *, committed: bool = True) -> AIOKafkaConsumer:
        """For offsets: of committed records, or of whatever has been written. It reads nothing."""
        level = "read_committed" if committed else "read_uncommitted"
        return await self._keep(level, lambda: self.consumer(isolation_level=level))

    def consumer(self, **options: Any) -> AIOKafkaConsumer:
        """A consumer without a group, that keeps its own offsets; not started yet."""
        chosen = {"isolation_level": "read_committed", "enable_auto_commit": False, "auto_offset_reset": "none"}
        return AIOKafkaConsumer(**self.options, group_id=None, **{**chosen, **options})

    @property
    def options(self) -> dict[str, Any]:
        """What all clients are made with."""
        return {"bootstrap_servers": self._place.bootstrap, "request_timeout_ms": REQUEST_MILLISECONDS}

    async def _keep(self, name: str, make: Callable[[], Client]) -> Client:
        async with self._lock:
            if name not in self._kept:
                self._kept[name] = await self.start(make)
            return self._kept[name]  # type: ignore[no-any-return]

    async def start(self, make: Callable[[], Client]) -> Client:
        """Make a client and start it, again and again until a broker answers; raises LogError when none does."""
        seconds = START_SECONDS if self._is_known else FIRST_START_SECONDS
        deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE_SECONDS
        while (client := await self._started(make(), deadline)) is None:
            if pause == _FIRST_PAUSE_SECONDS and not self._is_known:
                logger.warning("kafka: no broker answers at %s; waiting up to %d s", self._place.bootstrap, seconds)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_PAUSE_SECONDS)
        self._is_known = True
        return client

    async def _started(self, client: Client, deadline: float) -> Client | None:
        try:
            async with asyncio.timeout(max(deadline - time.monotonic(), 1)):
                await client.start()
        except (KafkaError, TimeoutError, OSError) as error:
            await close(client)
            if time.monotonic() >= deadline:
                msg = f"No Kafka broker answers at {self._place.bootstrap} (BIKEWIRE_LOG): {reason(error)}."
                raise LogError(msg) from error
            return None
        except BaseException:
            await close(client)
            raise
        return client

    async def close(self) -> None:
        kept, self._kept = self._kept, {}
        for client in kept.values():
            await close(client)


async def close(client: Any) -> None:
    """Stop a client; one that can't end, since its broker has gone, is left to the end of the event loop."""
    ending = asyncio.ensure_future(client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())
    done, _ = await asyncio.wait({ending}, timeout=CLOSE_SECONDS)
    if done and not ending.cancelled() and (error := ending.exception()):
        logger.debug("kafka: a client did not end well: %r", error)


@asynccontextmanager
async def telling(place: KafkaPlace, doing: str) -> AsyncIterator[None]:
    """Turns the library's errors into LogError."""
    try:
        yield
    except (KafkaError, TimeoutError) as error:
        msg = f"Kafka at {place.bootstrap} can't {doing}: {reason(error)}."
        raise LogError(msg) from error


def reason(error: BaseException) -> str:
    """Why, in a few words, without a full stop."""
    text = next(iter(str(error).strip().splitlines()), "")
    return f"{text.rstrip('.')} ({type(error).__name__})" if text else type(error).__name__
