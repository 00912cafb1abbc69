"""Rows as CSV and as Parquet, whatever pieces they come in."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from backend.figure_files import CsvFile, FigureFile, ParquetFile
from pipeline.tables import ColumnType

COLUMNS: Mapping[str, ColumnType] = {
    "name": "text",
    "count": "long",
    "mean": "double",
    "is_full": "boolean",
    "start": "timestamp",
    "date": "date",
}
START = datetime(2026, 11, 20, 18, 0, 0, 250_000, tzinfo=UTC)
KNOWN: dict[str, Any] = {
    "name": 'Gare, "Nord"\nOuest',
    "count": 3,
    "mean": 0.1,
    "is_full": False,
    "start": START,
    "date": date(2026, 11, 20),
}
UNKNOWN: dict[str, Any] = dict.fromkeys(COLUMNS)
MORE = KNOWN | {"name": "=1", "surplus": "is left out"}


def made(kind: type[FigureFile], pieces: Sequence[Sequence[dict[str, Any]]]) -> bytes:
    file = kind(COLUMNS)
    return b"".join([*map(file.add, pieces), file.end()])


@pytest.mark.parametrize("pieces", [[[KNOWN, UNKNOWN, MORE]], [[KNOWN], [], [UNKNOWN, MORE]]])
def test_csv_has_a_header_and_a_line_for_each_row_and_nothing_where_nothing_is_known(pieces: Any) -> None:
    rows = list(csv.reader(io.StringIO(made(CsvFile, pieces).decode(), newline="")))
    told = ["3", "0.1", "false", "2026-11-20T18:00:00.250Z", "2026-11-20"]
    assert rows == [list(COLUMNS), ['Gare, "Nord"\nOuest', *told], [""] * len(COLUMNS), ["'=1", *told]]


@pytest.mark.parametrize("pieces", [[[KNOWN, UNKNOWN, MORE]], [[KNOWN], [], [UNKNOWN, MORE]]])
def test_parquet_has_every_value_in_the_type_of_its_column(pieces: Any) -> None:
    table = parquet.read_table(io.BytesIO(made(ParquetFile, pieces)))
    assert table.to_pylist() == [KNOWN, UNKNOWN, KNOWN | {"name": "=1"}]
    assert {field.name: field.type for field in table.schema} == {
        "name": pa.string(),
        "count": pa.int64(),
        "mean": pa.float64(),
        "is_full": pa.bool_(),
        "start": pa.timestamp("us", "UTC"),
        "date": pa.date32(),
    }


def test_files_without_rows_have_their_columns() -> None:
    assert made(CsvFile, [[]]) == b"name,count,mean,is_full,start,date\r\n"
    assert parquet.read_table(io.BytesIO(made(ParquetFile, [[]]))).schema.names == list(COLUMNS)
