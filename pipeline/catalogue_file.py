"""Where the catalogue comes from: a file, or the network with a copy kept in the data folder."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from pipeline.catalogue import URL, CatalogueEntry, NoCatalogue, read_catalogue
from pipeline.fetch import open_fetcher
from pipeline.settings import Settings

KEPT_SECONDS = 86_400.0
"""How long the copy is as good as the original."""


def load_catalogue(place: str | None, settings: Settings) -> tuple[CatalogueEntry, ...]:
    """The catalogue in the file or at the URL ``place``; without it MobilityData's, read anew once a day.

    Raises NoCatalogue.
    """
    if place is not None and not place.startswith(("http://", "https://")):
        return read_catalogue(_text(Path(place)))
    if place is not None:
        return read_catalogue(_fetched(place, settings))
    return _daily(settings.data / "systems.csv", settings)


def _daily(copy: Path, settings: Settings) -> tuple[CatalogueEntry, ...]:
    if copy.is_file() and time.time() - copy.stat().st_mtime < KEPT_SECONDS:
        return read_catalogue(_text(copy))
    try:
        text = _fetched(URL, settings)
        found = read_catalogue(text)
    except NoCatalogue:
        # Yesterday's is better than none.
        if not copy.is_file():
            raise
        return read_catalogue(_text(copy))
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text, encoding="utf-8")
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        msg = f"{file} can't be read: {error.strerror}."
        raise NoCatalogue(msg) from error


def _fetched(url: str, settings: Settings) -> str:
    return asyncio.run(_fetch(url, settings))


async def _fetch(url: str, settings: Settings) -> str:
    async with open_fetcher(settings) as fetcher:
        fetch = await fetcher.fetch(url)
    if fetch.failure is not None:
        msg = f"The catalogue can't be had from {url}: {fetch.failure} Name a copy of it with --catalogue FILE."
        raise NoCatalogue(msg)
    return fetch.body.decode("utf-8", "replace")
