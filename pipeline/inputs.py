"""The inputs of a day: the records that reach into it, counted, with a digest of where in the log they were published.

Of records only their places are read: of the lake's straight from its files, which takes a tenth of the time that Spark
does.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipeline import lake
from pipeline.days import LocalDay
from pipeline.decode import decoded
from pipeline.model import Topic
from pipeline.network import VEHICLE_FEEDS
from pipeline.past import Past
from pipeline.pieces import LONGEST_HOLD

INPUTS = (Topic.FEED_STATUS, Topic.STATION_STATUS, Topic.VEHICLE_STATUS)
"""What the figures of a day are made from."""

_ENTITIES: tuple[Topic, ...] = (Topic.STATION_STATUS, Topic.VEHICLE_STATUS)
_OBSERVING_FEEDS = [str(Topic.STATION_STATUS), *VEHICLE_FEEDS]

# With the instant, since the lake of an installation that was moved has offsets of two logs.
_PLACE: dict[str, pa.DataType] = {"partition": pa.int32(), "offset": pa.int64(), "polled_at": pa.timestamp("us", "UTC")}
_FEED: dict[str, pa.DataType] = {"feed": pa.string(), "is_observing": pa.bool_(), "hold_seconds": pa.float64()}


class Input(msgspec.Struct, frozen=True):
    """How many records of a topic reach into the day, and a digest of where in the log they were published."""

    records: int
    digest: str


def read_inputs(past: Past, system_id: str, day: LocalDay) -> dict[str, Input]:
    """The records that reach into the day, each once wherever it lies, by topic.

    Of feed_status those of the observing feeds.
    """
    logged = _logged(past, system_id, day)
    feeds = _places(past, logged, Topic.FEED_STATUS, system_id, day.start - LONGEST_HOLD, day.end)
    observing = feeds.filter(pc.is_in(feeds["feed"], pa.array(_OBSERVING_FEEDS)))
    since = _since(observing, day)
    found = {topic: _places(past, logged, topic, system_id, since, day.end) for topic in _ENTITIES}
    found[Topic.FEED_STATUS] = observing.filter(_between(since, day.end))
    return {str(topic): _input(found[topic]) for topic in INPUTS}


def _since(feeds: pa.Table, day: LocalDay) -> datetime:
    """The first poll that may hold into the day, or up to its start; what is polled after it may end that."""
    before = feeds.filter(ds.field("is_observing") & (ds.field("polled_at") < pa.scalar(day.start)))
    longest = LONGEST_HOLD.total_seconds()
    reaching: list[datetime] = [
        poll["polled_at"]
        for poll in before.to_pylist()
        if poll["polled_at"] + timedelta(seconds=min(poll["hold_seconds"], longest)) >= day.start
    ]
    return min(reaching, default=day.start)


def _places(past: Past, logged: pa.Table, topic: Topic, system_id: str, since: datetime, until: datetime) -> pa.Table:
    """The places of a topic's records, those that lie in both lake and log twice; of feeds, with what they tell."""
    schema = pa.schema(_PLACE | _FEED if topic is Topic.FEED_STATUS else _PLACE)
    files = lake.files(past.folder, topic, system_id, since, until)
    stored = ds.dataset(files, schema=schema, format="parquet").to_table(filter=_between(since, until))
    newest = logged.filter((ds.field("topic") == str(topic)) & _between(since, until))
    return pa.concat_tables([stored, newest.select(schema.names)])


def _between(since: datetime, until: datetime) -> ds.Expression:
    return (ds.field("polled_at") >= pa.scalar(since)) & (ds.field("polled_at") < pa.scalar(until))


def _logged(past: Past, system_id: str, day: LocalDay) -> pa.Table:
    """What the log has beyond the lake's end: topic, the place, and of feeds what they tell. One Spark job."""
    schema = pa.schema({"topic": pa.string(), **_PLACE, **_FEED})
    if all(end <= past.start.get(place, 0) for place, end in past.end.items()):
        return schema.empty_table()
    newest = decoded(past.log.frame(past.spark, INPUTS, past.start, past.end, partition_key=system_id), INPUTS)
    wanted = (
        newest.where("problem IS NULL")
        .where(newest.system_id == system_id)
        .where((newest.polled_at >= day.start - LONGEST_HOLD) & (newest.polled_at < day.end))
    )
    return wanted.selectExpr("topic", *_PLACE, *(f"record.{name}" for name in _FEED)).toArrow().cast(schema)


def _input(places: pa.Table) -> Input:
    once = places.select(list(_PLACE)).group_by(list(_PLACE)).aggregate([])
    ordered = once.sort_by([(name, "ascending") for name in _PLACE])
    columns = (pc.cast(ordered[name], pa.int64()).to_numpy().tobytes() for name in _PLACE)
    return Input(ordered.num_rows, hashlib.blake2b(b"".join(columns), digest_size=8).hexdigest())
