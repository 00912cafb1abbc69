"""GraphQL over HTTP and graphql-transport-ws: Strawberry's view and handler, where the specifications ask for more."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from typing import Any, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.http import GraphQLHTTPResponse
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.schema.base import BaseSchema
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from backend.context import Context
from backend.execution import SharedResult
from backend.telemetry import Telemetry

GRAPHQL_RESPONSE = "application/graphql-response+json"

INIT_SECONDS = 10
MAX_SUBSCRIPTIONS = 10
MAX_MESSAGES = 60
"""Messages that one socket may send within `MESSAGES_SECONDS`."""
MESSAGES_SECONDS = 10.0
MAX_ID_LENGTH = 256
MAX_REASON_BYTES = 123
"""What a WebSocket close frame has room for."""


class Socket(ASGIWebSocketAdapter):
    """A WebSocket that sends text as it is, and never a close reason that does not fit its frame."""

    ws: WebSocket

    async def send_text(self, text: str) -> None:
        try:
            await self.ws.send_text(text)
        except WebSocketDisconnect as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        await super().close(code, reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore"))


class Handler(BaseGraphQLTransportWSHandler[Context, None]):
    """One socket that speaks graphql-transport-ws."""

    websocket: Socket
    view: Endpoint

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._window_end = 0.0
        self._messages = 0

    async def handle_message(self, message: object) -> None:
        if self._is_flood():
            reason = f"More than {MAX_MESSAGES} messages in {MESSAGES_SECONDS:g} s"
            await self.websocket.close(code=1008, reason=reason)
        elif fault := _fault(message):
            await self.handle_invalid_message(fault)
        else:
            await super().handle_message(_without_nulls(cast("dict[str, Any]", message)))  # type: ignore[arg-type]  # checked above

    async def handle_ping(self, message: Mapping[str, object]) -> None:
        payload = {"payload": message["payload"]} if "payload" in message else {}
        await self.websocket.send_json({"type": "pong", **payload})

    async def _send_result_stream(
        self,
        operation: Operation[Context, None],
        result_source: AsyncGenerator[ExecutionResult, None],  # type: ignore[override]
    ) -> None:
        # The id is the client's, so it is written as JSON; the rest of the frame is the text that all share.
        start = f'{{"id":{orjson.dumps(operation.id).decode()},"type":"next","payload":'
        subscribers, messages = self.view.telemetry.subscribers, self.view.telemetry.messages
        with subscribers.track_inprogress():
            async for result in result_source:
                if isinstance(result, SharedResult):
                    await self.websocket.send_text(f"{start}{result.text}}}")
                    messages.inc()
                elif isinstance(result, PreExecutionError):
                    # It ends this operation, not the socket.
                    await operation.send_initial_errors(result.errors or [])
                else:
                    await operation.send_next(result)

    def _is_flood(self) -> bool:
        now = time.monotonic()
        if now > self._window_end:
            self._window_end, self._messages = now + MESSAGES_SECONDS, 0
        self._messages += 1
        return self._messages > MAX_MESSAGES


class Endpoint(GraphQL[Context, None]):
    """/graphql for HTTP and WebSocket; one context for all, for nothing depends on who asks."""

    graphql_transport_ws_handler_class = Handler
    websocket_adapter_class = Socket

    def __init__(self, schema: BaseSchema, context: Context, telemetry: Telemetry) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=INIT_SECONDS),
            max_subscriptions_per_connection=MAX_SUBSCRIPTIONS,
        )
        self.telemetry = telemetry
        self._context = context

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        return self._context

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Notes on the response which media type the client asks for: `create_response` does not see the request."""
        response = await super().get_sub_response(request)
        if GRAPHQL_RESPONSE in request.headers.get("accept", ""):
            response.media_type = GRAPHQL_RESPONSE
        return response

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        if sub_response.media_type != GRAPHQL_RESPONSE or isinstance(response_data, list):
            return super().create_response(response_data, sub_response)
        answer = cast("dict[str, Any]", response_data)
        errors = answer.get("errors") or []
        if answer.get("data") is None and errors and not any("path" in error for error in errors):
            # The request itself was refused: there is no data, not even null.
            answer = {name: value for name, value in answer.items() if name != "data"}
            sub_response.status_code = _status(errors)
        response = super().create_response(cast("GraphQLHTTPResponse", answer), sub_response)
        response.headers["content-type"] = f"{GRAPHQL_RESPONSE}; charset=utf-8"
        return response

    async def execute_single(self, request: Request, *args: Any, **options: Any) -> ExecutionResult:
        with self.telemetry.query_seconds.time():
            return await super().execute_single(request, *args, **options)

    def encode_json(self, data: object) -> str:
        # Text: bytes would become a binary frame, which no client of graphql-transport-ws reads.
        return orjson.dumps(data).decode()

    def decode_json(self, data: str | bytes) -> object:
        return orjson.loads(data)


def _status(errors: list[dict[str, Any]]) -> int:
    codes = {(error.get("extensions") or {}).get("code") for error in errors}
    return 503 if "TIMEOUT" in codes else 400


def _without_nulls(message: dict[str, Any]) -> dict[str, Any]:
    """The message without payload null, which is the same as none."""
    return {name: value for name, value in message.items() if name != "payload" or value is not None}


def _fault(message: object) -> str | None:
    """What is wrong with a message's shape, for the close frame; None when it is as the protocol says."""
    if not isinstance(message, dict):
        return "A message must be a JSON object"
    kind, payload = message.get("type"), message.get("payload")
    if not isinstance(kind, str):
        return "A message must have a type"
    if payload is not None and not isinstance(payload, dict):
        return f"The payload of {kind[:20]} must be an object"
    if kind in ("subscribe", "complete") and not _is_id(message.get("id")):
        return f"{kind} must have an id: text of 1 to {MAX_ID_LENGTH} characters"
    return _operation_fault(payload) if kind == "subscribe" else None


def _is_id(value: object) -> bool:
    # Every message to the client repeats it.
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH


def _operation_fault(payload: dict[str, Any] | None) -> str | None:
    operation = payload or {}
    if not isinstance(operation.get("query"), str):
        return "subscribe must have a query: text"
    if not isinstance(operation.get("operationName"), str | None):
        return "operationName must be text"
    if not isinstance(operation.get("variables"), dict | None):
        return "variables must be an object"
    return None if isinstance(operation.get("extensions"), dict | None) else "extensions must be an object"
