"""The commands about feeds. Whatever takes long to import is imported inside the command that needs it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import Data, app, configure, screen

if TYPE_CHECKING:
    from pipeline.check import Report
    from pipeline.settings import Settings

WRONG = 3
"""The exit status of `check` for a feed that is wrong enough."""


class FailOn(StrEnum):
    """From which harm on `check` fails."""

    NUISANCE = "nuisance"
    DOUBT = "doubt"
    LOSS = "loss"


@app.command()
def check(
    place: Annotated[
        str, typer.Argument(metavar="URL|FILE", help="A gbfs.json or any other GBFS document, or a folder of them.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    fail_on: Annotated[FailOn, typer.Option(help="From which harm on the exit status is 3.")] = FailOn.DOUBT,
) -> None:
    """Show what a feed gets wrong, the most harmful first, and what the official schemas say.

    Loss: left out. Doubt: unknown, assumed, or kept against the rule. Nuisance: repaired.
    Exit status: 0 fine, 3 wrong, 1 nothing to check.

    Example: [bold]bikewire check https://example.org/gbfs.json --json[/]
    """
    import msgspec

    from pipeline.check_view import view
    from pipeline.deviations import Harm

    report = _report(place, configure())
    screen.print(msgspec.json.encode(report).decode() if as_json else view(report))
    if report.harm is not None and report.harm >= Harm[fail_on.name]:
        raise typer.Exit(WRONG)


@app.command()
def systems(
    country: Annotated[str | None, typer.Option(metavar="CODE", help="Only of this country, e.g. FR.")] = None,
    search: Annotated[str | None, typer.Option(metavar="WORDS", help="Words of id, name or place, e.g. brest.")] = None,
    feeds: Annotated[
        bool, typer.Option("--feeds", help="Only the discovery URLs, comma-separated, as BIKEWIRE_FEEDS takes them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    catalogue: Annotated[
        str | None,
        typer.Option(metavar="URL|FILE", help="Another catalogue than MobilityData's, in the format of systems.csv."),
    ] = None,
    data: Data = None,
) -> None:
    """List the systems of the world's catalogue; those that ask for credentials are marked, and not in --feeds.

    Example: [bold]bikewire systems --country FR --search brest[/]
    """
    import msgspec
    from rich.table import Table

    from pipeline.catalogue import select
    from pipeline.catalogue_file import load_catalogue
    from pipeline.check_view import printable

    found = select(load_catalogue(catalogue, configure(data=data)), country, search)
    if as_json:
        screen.print(msgspec.json.encode(found).decode())
    elif feeds:
        screen.print(",".join(entry.url for entry in found if not entry.needs_credentials))
    else:
        table = Table("country", "id", "name", "place", "versions", "discovery URL", caption=f"Systems: {len(found)}.")
        for entry in found:
            url = f"{entry.url} (asks for credentials)" if entry.needs_credentials else entry.url
            cells = (entry.country, entry.system_id, entry.name, entry.location, ", ".join(entry.versions), url)
            table.add_row(*(printable(cell) for cell in cells))
        screen.print(table)
    if not found:
        raise typer.Exit(1)


def _report(place: str, settings: Settings) -> Report:
    if place.startswith(("http://", "https://")):
        import asyncio

        from pipeline.check_url import check_url

        return asyncio.run(check_url(place, settings))
    from pipeline.check import check_place

    return check_place(Path(place), settings)
