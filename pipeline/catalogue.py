"""The catalogue of the world's GBFS systems, in the format of MobilityData's systems.csv."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator
from itertools import islice

import msgspec

from pipeline.ports import BikewireError

URL = "https://raw.githubusercontent.com/MobilityData/gbfs/master/systems.csv"
"""Where the catalogue is kept."""

NEEDED = ("System ID", "Name", "Auto-Discovery URL")
MOST_SYSTEMS = 100_000


class NoCatalogue(BikewireError):
    """The document is no catalogue; the text says why."""


class CatalogueEntry(msgspec.Struct, frozen=True):
    """A system of the catalogue; ``country`` is an ISO 3166 code, "" where it is not given."""

    system_id: str
    name: str
    location: str
    country: str
    url: str
    versions: tuple[str, ...]
    needs_credentials: bool


def read_catalogue(text: str) -> tuple[CatalogueEntry, ...]:
    """The systems of a catalogue that have an http(s) discovery URL.

    Raises NoCatalogue when a column is missing or no system is left.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    try:
        missing = [name for name in NEEDED if name not in (rows.fieldnames or ())]
        if missing:
            msg = f"This is no catalogue of systems: it has no column {missing[0]!r}."
            raise NoCatalogue(msg)
        found = tuple(_entries(rows))
    except csv.Error as error:
        msg = f"This is no catalogue of systems: {error}."
        raise NoCatalogue(msg) from error
    if not found:
        msg = "The catalogue names no system with a discovery URL."
        raise NoCatalogue(msg)
    return found


def _entries(rows: csv.DictReader[str]) -> Iterator[CatalogueEntry]:
    for row in islice(rows, MOST_SYSTEMS):
        cells = {name: (cell or "").strip() for name, cell in row.items() if isinstance(cell, str) and name}
        url = cells.get("Auto-Discovery URL", "")
        if not url.startswith(("http://", "https://")):
            continue
        yield CatalogueEntry(
            cells.get("System ID", ""),
            cells.get("Name", ""),
            cells.get("Location", ""),
            cells.get("Country Code", "").upper(),
            url,
            tuple(version.strip() for version in cells.get("Supported Versions", "").split(";") if version.strip()),
            cells.get("Authentication Type", "") not in ("", "0"),
        )


def select(
    entries: tuple[CatalogueEntry, ...], country: str | None = None, search: str | None = None
) -> tuple[CatalogueEntry, ...]:
    """Those in the country, and with all words of ``search`` in their id, name or place, whatever their accents."""
    words = plain(search or "").split()
    return tuple(
        entry
        for entry in entries
        if (country is None or entry.country == country.upper())
        and all(word in plain(f"{entry.system_id} {entry.name} {entry.location}") for word in words)
    )


def plain(text: str) -> str:
    """The text in small letters without accents."""
    return "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))
