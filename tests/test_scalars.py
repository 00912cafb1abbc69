from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from backend.scalars import BadInput, parse_date, parse_instant, print_instant


def test_an_instant_is_read_with_its_offset_and_written_in_utc_with_milliseconds() -> None:
    instant = parse_instant("2026-11-20T19:00:00.5+01:00")
    assert instant == datetime(2026, 11, 20, 18, 0, 0, 500_000, UTC)
    assert print_instant(instant) == "2026-11-20T18:00:00.500Z"
    assert print_instant(datetime(2026, 11, 20, 19, tzinfo=timezone(timedelta(hours=1)))) == "2026-11-20T18:00:00.000Z"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            "2026-11-20T18:00:00",
            "DateTime: '2026-11-20T18:00:00' has no offset from UTC; write 2026-11-20T18:00:00Z or …+01:00.",
        ),
        ("yesterday", "DateTime: 'yesterday' is not an ISO 8601 time such as 2026-11-20T18:00:00Z."),
        (1763661600, "DateTime: 1763661600 is not an ISO 8601 time such as 2026-11-20T18:00:00Z."),
        (
            "0001-01-01T00:00:00+14:00",
            "DateTime: '0001-01-01T00:00:00+14:00' is not between the years 1970 and 2199.",
        ),
    ],
)
def test_what_is_no_instant_is_refused_in_a_sentence(value: object, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_instant(value)
    assert refused.value.formatted == {"message": sentence, "extensions": {"code": "BAD_INPUT"}}


def test_a_day_is_read() -> None:
    assert parse_date("2026-11-20") == date(2026, 11, 20)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("2026-02-30", "Date: '2026-02-30' is not a day such as 2026-11-20."),
        ("2026-11-20T18:00:00Z", "Date: '2026-11-20T18:00:00Z' is not a day such as 2026-11-20."),
        (None, "Date: None is not a day such as 2026-11-20."),
        ("9999-12-31", "Date: '9999-12-31' is not between the years 1970 and 2199."),
    ],
)
def test_what_is_no_day_is_refused_in_a_sentence(value: object, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_date(value)
    assert refused.value.message == sentence


def test_a_refusal_repeats_no_more_of_a_value_than_shows_what_it_is() -> None:
    with pytest.raises(BadInput) as refused:
        parse_date("x" * 100_000)
    assert refused.value.message == "Date: '" + "x" * 79 + " is not a day such as 2026-11-20."
