"""The stations of a system as GeoJSON and CSV, with their state now; what is not known is null, or empty."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson

from backend.csv_cells import csv_cell
from backend.types.station import Station
from backend.view import View
from pipeline.model import utc_text

COLUMNS = (
    "station_id",
    "name",
    "lat",
    "lon",
    "capacity",
    "observed_capacity",
    "state",
    "bikes",
    "docks",
    "bikes_disabled",
    "docks_disabled",
    "is_installed",
    "is_renting",
    "is_returning",
    "polled_at",
    "last_reported",
)

COUNTS = ("bikes", "docks", "bikes_disabled", "docks_disabled")


def geojson(view: View) -> bytes:
    """A FeatureCollection of points (RFC 7946: longitude first)."""
    features = [_feature(row) for row in rows(view)]
    return orjson.dumps({"type": "FeatureCollection", "features": features})


def _feature(row: dict[str, Any]) -> dict[str, Any]:
    lat, lon = row.pop("lat"), row.pop("lon")
    point = {"type": "Point", "coordinates": [lon, lat]}
    return {"type": "Feature", "id": row["station_id"], "geometry": point, "properties": row}


def csv_text(view: View) -> bytes:
    """RFC 4180, in UTF-8, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows({name: csv_cell(value) for name, value in row.items()} for row in rows(view))
    return text.getvalue().encode()


def rows(view: View) -> list[dict[str, Any]]:
    """One row per declared station, by id. Counts of a station whose state is unknown are unknown too."""
    return [_row(Station.of(view, station)) for _, station in sorted(view.live.stations.items())]


def _row(station: Station) -> dict[str, Any]:
    status = station.status
    place = {
        "station_id": station.id,
        "name": station.name,
        "lat": station.lat,
        "lon": station.lon,
        "capacity": station.capacity,
        "observed_capacity": station.observed_capacity,
    }
    if status is None:
        return {name: place.get(name) for name in COLUMNS} | {"state": "UNKNOWN"}
    told = {name: getattr(status, name) for name in COLUMNS if name not in place}
    told["state"] = status.state.value
    if told["state"] == "UNKNOWN":
        told |= dict.fromkeys(COUNTS)
    times = {name: _time(told[name]) for name in ("polled_at", "last_reported")}
    return {name: (place | told | times)[name] for name in COLUMNS}


def _time(instant: Any) -> str | None:
    return None if instant is None else utc_text(instant)
