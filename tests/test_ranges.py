import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from backend.ranges import READS_AT_ONCE, check_instants, days, gather, months
from backend.scalars import BadInput

START = datetime(2026, 10, 1, tzinfo=UTC)


def test_days_are_counted_with_both_ends() -> None:
    assert days(date(2026, 2, 27), date(2026, 3, 1), 3) == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        (date(2026, 9, 30), "from 2026-10-01 to 2026-09-30: from is after to."),
        (date(2026, 11, 1), "from 2026-10-01 to 2026-11-01 spans 32 days; at most 31 are answered at once."),
    ],
)
def test_reversed_and_too_many_days_are_refused(last: date, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        days(START.date(), last, 31)
    assert refused.value.message == sentence


def test_a_range_of_instants_may_be_as_long_as_the_limit() -> None:
    check_instants(START, START + timedelta(days=31), 31)


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        (START, "from 2026-10-01T00:00:00.000Z to 2026-10-01T00:00:00.000Z: from is not before to."),
        (
            START + timedelta(days=365),
            "from 2026-10-01T00:00:00.000Z to 2027-10-01T00:00:00.000Z spans 365.0 days;"
            " at most 31 are answered at once.",
        ),
    ],
)
def test_reversed_and_too_long_ranges_are_refused(end: datetime, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_instants(START, end, 31)
    assert refused.value.message == sentence


def test_months_cross_the_year() -> None:
    assert months(datetime(2026, 11, 30, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)) == [202611, 202612, 202701]
    assert months(START, START - timedelta(days=1)) == []


async def test_parts_are_read_at_once_within_the_bound_and_answered_in_order() -> None:
    full, release = asyncio.Event(), asyncio.Event()
    reading: set[int] = set()

    async def read(part: int) -> int:
        reading.add(part)
        if len(reading) == READS_AT_ONCE:
            full.set()
        await release.wait()
        return part * 10

    parts = range(READS_AT_ONCE + 5)
    gathered = asyncio.create_task(gather(read, parts))
    await asyncio.wait_for(full.wait(), 5)
    assert reading == set(range(READS_AT_ONCE))
    release.set()
    assert await gathered == [part * 10 for part in parts]
