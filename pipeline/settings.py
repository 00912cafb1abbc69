"""Settings, read once from the environment (prefix BIKEWIRE_); wrong ones stop the start with one sentence."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipeline.model import Thresholds
from pipeline.ports import BikewireError

_PREFIX = "BIKEWIRE_"
VELOZEF = "https://gbfs.partners.fifteen.eu/gbfs/2.2/brest/en/gbfs.json"


class SettingsError(BikewireError):
    """A setting that can't be used; the text names it. Trying again with the same settings is useless."""

    exit_code = 2


class Settings(BaseSettings):
    """Every setting of Bikewire. The field ``data`` is the variable BIKEWIRE_DATA, and so on."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="forbid")

    systems: str = Field(
        "", description="TOML file of systems to poll, with what each needs (docs/feeds.md). Default: none."
    )
    feeds: Annotated[tuple[str, ...], NoDecode] = Field(
        (VELOZEF,),
        description="Discovery URLs (gbfs.json) of the systems to poll, comma-separated. Default: Vélozef, unless"
        " BIKEWIRE_SYSTEMS names others.",
    )
    languages: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Languages to read names in, comma-separated, best first. Default: each feed's first."
    )
    data: Path = Field(Path("data"), description="Folder of everything that is kept on this machine.")
    log: str = Field("", description="URL of the log: sqlite:///PATH. Default: log.sqlite in BIKEWIRE_DATA.")
    store: str = Field(
        "",
        description="URL of the store: sqlite:///PATH, or cassandra://127.0.0.1/bikewire (nodes comma-separated, each"
        " HOST or HOST:PORT; ?dc=NAME for another data centre than dc1). Default: store.sqlite in BIKEWIRE_DATA.",
    )
    lake: str = Field("", description="Folder of the Parquet lake. Default: lake in BIKEWIRE_DATA.")
    spark: str = Field(
        "local[2]", description="Spark master: local[N], or spark://HOST:PORT of a cluster (more masters: ,HOST:PORT)."
    )
    spark_driver_host: str = Field(
        "", description="Name or address at which Spark workers reach this machine. Default: the one they see."
    )
    spark_cores: int = Field(2, ge=1, description="How many cores of a Spark cluster to use, one in each executor.")
    spark_executor_memory: str = Field(
        "512m", pattern=r"^\d+[mg]$", description="Heap of each executor on a Spark cluster, e.g. 512m or 2g."
    )
    host: str = Field("127.0.0.1", description="Address that the server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that the server listens on; 0 takes a free one.")
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port of the Prometheus metrics of poll and of stream, at BIKEWIRE_HOST; 0 takes a free one. Under"
        " up the poller has it, and the stream the next one. Default: none. (The server has them at /metrics.)",
    )
    connections: int = Field(2000, ge=1, description="How many WebSockets may be open at once.")
    connections_per_address: int = Field(
        100, ge=1, description="How many WebSockets may be open at once from one address (behind a proxy: from it)."
    )
    min_poll_seconds: float = Field(60, gt=0, description="Never poll a feed more often than this, whatever its ttl.")
    timeout_seconds: float = Field(10, gt=0, description="How long one fetch may take in all.")
    requests_per_host: int = Field(8, ge=1, description="How many fetches may be under way at one host at once.")
    max_body_bytes: int = Field(64 * 1024 * 1024, gt=0, description="A feed document larger than this is refused.")
    stale_seconds: float = Field(
        300, gt=0, description="A document older than this, and than its own ttl, observes nothing."
    )
    frozen_seconds: float = Field(
        3 * 3600,
        gt=0,
        description="Counts that stand still for so long, in hours in which they moved on the days before, are frozen.",
    )
    hold_seconds: float | None = Field(
        None,
        gt=0,
        description="How long an observation is trusted. Default: three times the feed's poll interval, at least 180.",
    )
    nearly_empty: int = Field(3, ge=0, description="Up to this many bikes a station is nearly empty.")
    nearly_full: int = Field(3, ge=0, description="Up to this many docks a station is nearly full.")
    low_charge: float = Field(
        0.2, ge=0, le=1, description="Up to this share of a full battery a vehicle's charge is low."
    )
    abandoned_hours: float = Field(
        24, gt=0, description="A vehicle outside stations, unmoved and unreserved for so long, is abandoned."
    )
    retention_days: float = Field(
        7,
        gt=0,
        description="How long the log keeps a poll after it was appended (never less than its readers need).",
    )
    today_minutes: float = Field(15, gt=0, description="How often the figures of today so far are computed.")
    tiles: str = Field(
        "https://tile.openstreetmap.org/{z}/{x}/{y}.png",
        description="Map tiles; empty for a map without tiles.",
    )
    tiles_attribution: str = Field("© OpenStreetMap contributors", description="Whom the tiles are owed to.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")

    @field_validator("feeds", "languages", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("feeds")
    @classmethod
    def _http_feeds(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not value and not info.data.get("systems"):
            msg = "name at least one feed"
            raise ValueError(msg)
        for url in value:
            if not is_http(url):
                msg = f"{url!r} is not an http(s) URL"
                raise ValueError(msg)
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            msg = f"{value!r} is none of DEBUG, INFO, WARNING, ERROR"
            raise ValueError(msg)
        return value.upper()

    @model_validator(mode="before")
    @classmethod
    def _places_in_data(cls, values: dict[str, object]) -> dict[str, object]:
        data = Path(str(values.get("data") or "data")).absolute()
        if values.get("systems") and values.get("feeds") is None:
            values = {**values, "feeds": ()}
        places = {
            "log": f"sqlite:///{data / 'log.sqlite'}",
            "store": f"sqlite:///{data / 'store.sqlite'}",
            "lake": str(data / "lake"),
        }
        return {**values, "data": data, **{name: values.get(name) or place for name, place in places.items()}}

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(self.nearly_empty, self.nearly_full, self.low_charge, self.abandoned_hours)

    def hold(self, interval_seconds: float) -> float:
        """How long an observation is trusted, in seconds, for a feed polled every ``interval_seconds``."""
        return self.hold_seconds if self.hold_seconds is not None else max(3 * interval_seconds, 180.0)

    @classmethod
    def read(cls, **overrides: object) -> Self:
        """The settings from the environment, with ``overrides`` (None: not given) over them.

        Raises SettingsError: one sentence that names the variable, the value and the rule. A BIKEWIRE_ variable
        that is none of the settings is refused too: it is a typing error that would go unnoticed.
        """
        _refuse_unknown(os.environ, cls.model_fields)
        given = {name: value for name, value in overrides.items() if value is not None}
        try:
            return cls(**given)  # type: ignore[arg-type]  # checked by pydantic
        except ValidationError as error:
            raise SettingsError(_sentence(error)) from error


def _refuse_unknown(environment: Iterable[str], fields: Iterable[str]) -> None:
    known = [_PREFIX + field.upper() for field in fields]
    for variable in environment:
        if variable.upper().startswith(_PREFIX) and variable.upper() not in known:
            nearest = difflib.get_close_matches(variable.upper(), known, n=1, cutoff=0)[0]
            msg = f"{variable}: Bikewire has no such setting; the nearest is {nearest}."
            raise SettingsError(msg)


def is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = _PREFIX + "_".join(str(part) for part in first["loc"][:1]).upper()
    if "error" in first.get("ctx", {}):  # a rule of ours, which names the value itself
        return f"{name}: {first['ctx']['error']}."
    return f"{name}: {first['msg']} (it is {first['input']!r})."
