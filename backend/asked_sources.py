"""What is computed when it is asked for, as files: service levels and typical weeks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

from backend.context import Context
from backend.figure_arguments import Arguments, station_of
from backend.scalars import BadInput, parse_date
from backend.service_levels import MOST_DAYS, MOST_STATION_DAYS, network_service, station_service
from backend.types.service_level import question
from backend.types.weekday import Weekday
from backend.typical_weeks import station_week
from pipeline import service_level, typical_week
from pipeline.ports import Row
from pipeline.service_level import Level, Question
from pipeline.tables import ColumnType

SERVICE_ARGUMENTS = ("station", "min_bikes", "min_docks", "from_hour", "to_hour", "weekdays", "target")
WEEK_ARGUMENTS = ("station", "weeks", "to")

SERVICE_COLUMNS: Mapping[str, ColumnType] = {"station_id": "text", "name": "text", **service_level.FIGURES}
WEEK_COLUMNS: Mapping[str, ColumnType] = {**typical_week.FIGURES, "weekday": "text"}

WEEKDAYS = {weekday.name[:3].lower(): weekday for weekday in Weekday}


async def service_level_rows(context: Context, system_id: str, given: Arguments) -> AsyncGenerator[Sequence[Row], None]:
    """The declared stations that were observed, the least share first; or the one that is asked for."""
    asked, station_id = _question(given), station_of(context, system_id, given)
    wanted = given.days(MOST_DAYS if station_id is None else MOST_STATION_DAYS)
    levels: Mapping[str, Level]
    if station_id is None:
        levels = (await network_service(context, system_id, asked, wanted[0], wanted[-1])).stations
    else:
        levels = {station_id: await station_service(context, system_id, station_id, asked, wanted[0], wanted[-1])}
    stations = context.live.systems[system_id].stations
    yield [
        {"station_id": one, "name": stations[one].name, **level.figures()}
        for one, level in levels.items()
        if one in stations
    ]


async def typical_week_rows(context: Context, system_id: str, given: Arguments) -> AsyncGenerator[Sequence[Row], None]:
    """The station's 168 hours, Monday 0 h first."""
    given.needed("station")
    station_id = station_of(context, system_id, given) or ""
    last = None if given.text("to") is None else parse_date(given.text("to"))
    hours = await station_week(context, system_id, station_id, given.whole("weeks", 8), last)
    yield [{**hour.figures(), "weekday": Weekday(hour.weekday).name} for hour in hours]


def _question(given: Arguments) -> Question:
    return question(
        given.whole("min_bikes", 1),
        given.whole("min_docks", 1),
        given.whole("from_hour", 0),
        given.whole("to_hour", 24),
        _weekdays(given.text("weekdays")),
        given.number("target", 0.9),
    )


def _weekdays(text: str | None) -> list[Weekday] | None:
    if text is None:
        return None
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in WEEKDAYS:
            msg = f"weekdays: {name[:80]!r} is none of {', '.join(WEEKDAYS)}."
            raise BadInput(msg)
    return [WEEKDAYS[name] for name in names]
