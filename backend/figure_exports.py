"""/export/…: figures and histories as files, for spreadsheets and data frames."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from backend.context import Context
from backend.figure_arguments import Arguments
from backend.figure_files import FILES, FigureFile
from backend.figure_sources import SOURCES, Rows, Source
from backend.queries import find_system
from backend.scalars import BadInput
from pipeline.ports import BikewireError, Row

logger = logging.getLogger(__name__)

# Pages of other origins may read it, and see under which name to keep it.
OPEN = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "content-disposition",
    "cache-control": "no-cache",
}

MOST_NAME_CHARACTERS = 150


class FigureExports:
    """Files are made while they are sent; a store that fails meanwhile breaks the connection off."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> list[BaseRoute]:
        return [Route("/export/{system}/{what}.{kind}", self._export)]

    async def _export(self, request: Request) -> Response:
        """400 and a sentence for wrong arguments, 404 for a system or a file that there is not."""
        system_id, what, kind = (request.path_params[name] for name in ("system", "what", "kind"))
        self._check_system(system_id)
        if what not in SOURCES or kind not in FILES:
            raise HTTPException(404, f"There are {', '.join(SOURCES)}, each as .{' and .'.join(FILES)}.\n")
        source = SOURCES[what]
        try:
            given = Arguments(request.query_params, source.takes)
            rows = source.read(self._context, system_id, given)
            # What is wrong with the arguments shows before the first row.
            first: Sequence[Row] = await anext(rows, ())
        except BadInput as error:
            raise HTTPException(400, f"{error.message}\n") from error
        except BikewireError as error:
            logger.warning("%s: %s can't be exported: %s", system_id, what, error)
            raise HTTPException(503, "The figures can't be read now; try again later.\n") from error
        headers = {**OPEN, "content-disposition": f'attachment; filename="{_name(system_id, what, given)}.{kind}"'}
        body = _bytes(FILES[kind], source, first, rows)
        return StreamingResponse(body, media_type=FILES[kind].media_type, headers=headers)

    def _check_system(self, system_id: str) -> None:
        if not self._context.live.current.is_set():
            raise HTTPException(503, "The relay has not caught up with the log yet.\n")
        if find_system(self._context, system_id) is None:
            raise HTTPException(404, "There is no such system; /gbfs/manifest.json lists them.\n")


async def _bytes(kind: type[FigureFile], source: Source, first: Sequence[Row], rest: Rows) -> AsyncIterator[bytes]:
    """The file in pieces, each made in a thread."""
    file = await asyncio.to_thread(kind, source.columns)
    yield await asyncio.to_thread(file.add, first)
    async with aclosing(rest):
        async for rows in rest:
            yield await asyncio.to_thread(file.add, rows)
    yield await asyncio.to_thread(file.end)


def _name(system_id: str, what: str, given: Arguments) -> str:
    """A name for the file that tells what is in it, in characters that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join([system_id, what, *given.values()]))[:MOST_NAME_CHARACTERS]
