"""What a system asks for before it answers: headers, a bearer token, or OAuth2 client credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

EXTENSION = "bikewire_credentials"
"""Under which name a request carries its credentials through redirects."""

EARLY_SECONDS = 30.0
"""A token is renewed so long before it ends."""

TOKEN_SECONDS = 3600.0
"""How long a token is good that does not say."""

HIDDEN = "(secret)"


class CredentialsRefused(httpx.HTTPError):
    """No token can be had; the text says why and holds no secret."""


class Credentials(Protocol):
    """The headers that prove who asks."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody may read in a log line or a record."""

    async def headers(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        """To be sent with a request. Raises httpx.HTTPError when they can't be had."""

    def renew(self) -> None:
        """The server did not accept the last ones."""


@dataclass(frozen=True, repr=False)
class FixedHeaders:
    """Headers that never change: an API key, a bearer token."""

    values: Mapping[str, str]

    @property
    def secrets(self) -> tuple[str, ...]:
        # Of "Bearer x" the token alone is the secret too.
        return tuple({part for value in self.values.values() for part in (value, value.rpartition(" ")[2])})

    async def headers(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        return self.values

    def renew(self) -> None:
        pass


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float | str = TOKEN_SECONDS


@dataclass(repr=False)
class ClientCredentials:
    """OAuth2 client credentials (RFC 6749, 4.4): a token for the id and secret, renewed before it ends."""

    token_url: str
    client_id: str
    client_secret: str
    scope: str | None = None
    _token: str | None = None
    _until: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.client_secret, *([self._token] if self._token else []))

    async def headers(self, client: httpx.AsyncClient) -> Mapping[str, str]:
        async with self._lock:
            if self._token is None or monotonic() >= self._until:
                await self._renew(client)
            return {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> None:
        self._until = 0.0

    async def _renew(self, client: httpx.AsyncClient) -> None:
        form = {"grant_type": "client_credentials", **({"scope": self.scope} if self.scope else {})}
        response = await client.post(
            self.token_url,
            data=form,
            auth=(self.client_id, self.client_secret),
            headers={"Accept": "application/json"},
            follow_redirects=False,
        )
        if response.status_code != HTTPStatus.OK:
            msg = f"the token's server answered {response.status_code}"
            raise CredentialsRefused(msg)
        try:
            token = msgspec.json.decode(response.content, type=_Token)
            seconds = float(token.expires_in)
        except (msgspec.MsgspecError, ValueError) as error:
            msg = "the token's server sent no access_token"
            raise CredentialsRefused(msg) from error
        self._token, self._until = token.access_token, monotonic() + max(seconds - EARLY_SECONDS, seconds / 2)


@dataclass(frozen=True)
class Scoped:
    """Credentials and the hosts that may see them: a redirect or a link elsewhere goes without."""

    credentials: Credentials
    hosts: frozenset[str]

    @classmethod
    def of(cls, credentials: Credentials, url: str, more_hosts: tuple[str, ...] = ()) -> Scoped:
        return cls(credentials, frozenset({urlsplit(url).hostname or "", *(host.lower() for host in more_hosts)}))

    def hidden(self, text: str) -> str:
        """The text without any secret."""
        for secret in self._longest_first():
            text = text.replace(secret, HIDDEN)
        return text

    def hidden_bytes(self, body: bytes) -> bytes:
        """The body without any secret, which a server may repeat."""
        for secret in self._longest_first():
            body = body.replace(secret.encode(), HIDDEN.encode())
        return body

    def _longest_first(self) -> list[str]:
        """The secrets, whatever they are of: one may hold another, which must not be taken out of it first."""
        return sorted(filter(None, self.credentials.secrets), key=len, reverse=True)


async def prove(client: httpx.AsyncClient, request: httpx.Request) -> None:
    """Give the request, which may be one after a redirect, what its credentials have for its host, and no other."""
    scoped: Scoped | None = request.extensions.get(EXTENSION)
    if scoped is None:
        return
    headers = await scoped.credentials.headers(client)
    for name in headers:
        request.headers.pop(name, None)
    if request.url.host in scoped.hosts:
        request.headers.update(headers)
