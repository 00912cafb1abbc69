"""What the simulator answers under faults: late, refused, broken, or with a document that is not true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

import orjson
from starlette.responses import Response, StreamingResponse

from pipeline.simulator.documents import Document, Version
from pipeline.simulator.faults import ActiveFault, Fault, FaultKind, changed

PAGE = b"<!DOCTYPE html><title>Maintenance</title><p>We are back soon.</p>"
CHUNK = b" " * 65_536


def delay_seconds(faults: Sequence[ActiveFault]) -> float:
    """How late the answer comes."""
    return max((one.fault.amount for one in faults if one.fault.kind is FaultKind.SLOW), default=0.0)


def version_of(faults: Sequence[ActiveFault]) -> Version | None:
    """The version that is answered in, where that is a fault."""
    found = next((one.fault for one in faults if one.fault.kind is FaultKind.VERSION), None)
    return None if found is None else cast("Version", f"{found.amount:.1f}")


def answer_of(document: Document, faults: Sequence[ActiveFault], place: tuple[str, str, str]) -> Response:
    """The answer; the first fault that needs no document wins."""
    for one in faults:
        if (answer := _without_document(one.fault)) is not None:
            return answer
        document = changed(document, one, place)
    body = orjson.dumps(document)
    if any(one.fault.kind is FaultKind.TRUNCATED for one in faults):
        body = body[: len(body) // 2]
    return Response(body, media_type="application/json")


def _without_document(fault: Fault) -> Response | None:
    match fault.kind:
        case FaultKind.ERROR:
            return Response(status_code=round(fault.amount))
        case FaultKind.LIMITED:
            return Response(status_code=429, headers={"retry-after": f"{fault.amount:g}"})
        case FaultKind.NOT_MODIFIED:
            return Response(status_code=304)
        case FaultKind.HTML:
            return Response(PAGE, media_type="text/html")
        case FaultKind.EMPTY:
            return Response(b"", media_type="application/json")
        case FaultKind.ENDLESS:
            return StreamingResponse(_endless(), media_type="application/json")
        case _:
            return None


async def _endless() -> AsyncIterator[bytes]:
    # Until the client has had enough and hangs up, which is noticed between two chunks.
    while True:
        yield CHUNK
        await asyncio.sleep(0)
