"""The exports of the figures of one small city, asked for over HTTP."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pyarrow import parquet
from starlette.applications import Starlette

from backend.context import Context
from backend.figure_exports import FigureExports


@asynccontextmanager
async def exports_of(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    """A client that stands in the folder of the city's exports."""
    context.live.current.set()
    transport = httpx.ASGITransport(Starlette(routes=FigureExports(context).routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://bikes.example/export/brest/") as client:
        yield client


async def rows_of(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """The rows of a Parquet file."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return parquet.read_table(io.BytesIO(answer.content)).to_pylist()
