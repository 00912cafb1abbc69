"""Rows as CSV or as Parquet, piece by piece: a file is never in memory as a whole."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from backend.csv_cells import csv_cell
from pipeline.ports import Row
from pipeline.tables import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa


class FigureFile(ABC):
    """A file of rows with these columns; what its methods return, in their order, is its bytes. They block."""

    media_type: str

    @abstractmethod
    def __init__(self, columns: Mapping[str, ColumnType]) -> None: ...

    @abstractmethod
    def add(self, rows: Sequence[Row]) -> bytes:
        """The bytes that are ready once these rows, which have every column, are in the file."""

    @abstractmethod
    def end(self) -> bytes:
        """The last bytes; nothing can be added any more."""


class CsvFile(FigureFile):
    """RFC 4180, in UTF-8, with a header; what is unknown is an empty cell."""

    media_type = "text/csv; charset=utf-8"

    def __init__(self, columns: Mapping[str, ColumnType]) -> None:
        self._text = io.StringIO()
        self._writer = csv.writer(self._text)
        self._values = itemgetter(*columns)
        self._writer.writerow(columns)

    def add(self, rows: Sequence[Row]) -> bytes:
        self._writer.writerows(map(csv_cell, self._values(row)) for row in rows)
        return self.end()

    def end(self) -> bytes:
        written = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return written


class ParquetFile(FigureFile):
    """Each column of its table's type; instants in UTC, to the microsecond."""

    media_type = "application/vnd.apache.parquet"

    def __init__(self, columns: Mapping[str, ColumnType]) -> None:
        # Loaded by those who ask for it: it takes 40 MB.
        import pyarrow as pa
        from pyarrow import parquet

        types = _arrow_types()
        self._schema = pa.schema({name: types[kind] for name, kind in columns.items()})
        self._written = _Written()
        self._writer = parquet.ParquetWriter(pa.PythonFile(self._written, mode="w"), self._schema, compression="zstd")

    def add(self, rows: Sequence[Row]) -> bytes:
        import pyarrow as pa

        if rows:
            known = [{name: row[name] for name in self._schema.names} for row in rows]
            self._writer.write_table(pa.Table.from_pylist(known, self._schema))
        return self._written.taken()

    def end(self) -> bytes:
        self._writer.close()
        return self._written.taken()


class _Written(io.RawIOBase):
    """Keeps what is written to it until it is taken."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _arrow_types() -> dict[ColumnType, pa.DataType]:
    import pyarrow as pa

    return {
        "text": pa.string(),
        "long": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "timestamp": pa.timestamp("us", "UTC"),
        "date": pa.date32(),
    }


FILES: Mapping[str, type[FigureFile]] = {"csv": CsvFile, "parquet": ParquetFile}
