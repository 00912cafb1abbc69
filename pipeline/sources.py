"""The systems to poll: BIKEWIRE_FEEDS, and the TOML file BIKEWIRE_SYSTEMS with what each of them needs."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.credentials import ClientCredentials, Credentials, FixedHeaders, Scoped
from pipeline.settings import Settings, SettingsError, is_http

_SETTING = "BIKEWIRE_SYSTEMS"


@dataclass(frozen=True)
class Source:
    """A discovery URL, the settings that it is polled with, and the credentials that it asks for."""

    url: str
    settings: Settings
    scoped: Scoped | None = None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Bearer(_Part):
    type: Literal["bearer"]
    token: str = Field(description="Variable with the token.")
    hosts: tuple[str, ...] = ()

    def credentials(self, environment: Mapping[str, str]) -> Credentials:
        return FixedHeaders({"Authorization": f"Bearer {_secret(self.token, environment)}"})


class _Headers(_Part):
    type: Literal["headers"]
    headers: dict[str, str] = Field(description="Header names, each with the variable of its value.", min_length=1)
    hosts: tuple[str, ...] = ()

    def credentials(self, environment: Mapping[str, str]) -> Credentials:
        return FixedHeaders({name: _secret(variable, environment) for name, variable in self.headers.items()})


class _OAuth2(_Part):
    type: Literal["oauth2"]
    token_url: str
    client_id: str = Field(description="Variable with the client's id.")
    client_secret: str = Field(description="Variable with the client's secret.")
    scope: str | None = None
    hosts: tuple[str, ...] = ()

    @field_validator("token_url")
    @classmethod
    def _http(cls, value: str) -> str:
        return _http_url(value)

    def credentials(self, environment: Mapping[str, str]) -> Credentials:
        name, secret = _secret(self.client_id, environment), _secret(self.client_secret, environment)
        return ClientCredentials(self.token_url, name, secret, self.scope)


class _System(_Part):
    url: str
    languages: tuple[str, ...] | None = None
    min_poll_seconds: float | None = Field(None, gt=0)
    timeout_seconds: float | None = Field(None, gt=0)
    stale_seconds: float | None = Field(None, gt=0)
    auth: Annotated[_Bearer | _Headers | _OAuth2, Field(discriminator="type")] | None = None

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        return _http_url(value)

    def source(self, settings: Settings, environment: Mapping[str, str]) -> Source:
        own = self.model_dump(exclude={"url", "auth"}, exclude_none=True)
        scoped = None
        if self.auth is not None:
            scoped = Scoped.of(self.auth.credentials(environment), self.url, self.auth.hosts)
        return Source(self.url, settings.model_copy(update=own), scoped)


class _File(_Part):
    system: tuple[_System, ...] = Field(min_length=1)


def sources(settings: Settings, environment: Mapping[str, str] = os.environ) -> list[Source]:
    """Everything to poll, each URL once. Secrets come from ``environment`` alone.

    Raises SettingsError: one sentence that names the place in the file, or the variable that is missing.
    """
    found = {source.url: source for source in _from_file(settings, environment)}
    for url in settings.feeds:
        found.setdefault(url, Source(url, settings))
    return list(found.values())


def _from_file(settings: Settings, environment: Mapping[str, str]) -> list[Source]:
    if not settings.systems:
        return []
    try:
        given = tomllib.loads(Path(settings.systems).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{_SETTING}: {settings.systems} can't be read: {error}."
        raise SettingsError(msg) from error
    try:
        file = _File.model_validate(given)
    except ValidationError as error:
        raise SettingsError(_sentence(settings.systems, error)) from error
    return [system.source(settings, environment) for system in file.system]


def _sentence(path: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{_SETTING}: {path}: {place}: {first['msg']}."


def _secret(variable: str, environment: Mapping[str, str]) -> str:
    secret = environment.get(variable, "").strip()
    if not secret or not secret.isprintable() or not secret.isascii():
        # What stands there may be the secret itself, by mistake: say no more of it than that.
        shown = variable if variable.isidentifier() and variable.isupper() else "what the file names"
        msg = f"{_SETTING}: {shown} is no environment variable with a usable value; secrets are never in the file."
        raise SettingsError(msg)
    return secret


def _http_url(value: str) -> str:
    if not is_http(value):
        msg = "this is not an http(s) URL"
        raise ValueError(msg)
    return value
