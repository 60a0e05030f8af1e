from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kg.dates import Bounds, to_bounds
from kg.errors import DataError

YEARS = st.integers(1, 9999)
DAYS = st.dates()


def _last(year: int, month: int) -> date:
    return date.max if (year, month) == (9999, 12) else date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


@given(DAYS)
def test_a_day_is_its_own_bounds(day: date) -> None:
    assert to_bounds(day.isoformat()) == Bounds(day, day)


@given(YEARS, st.integers(1, 12))
def test_a_month_goes_from_its_first_to_its_last_day(year: int, month: int) -> None:
    assert to_bounds(f"{year:04}-{month:02}") == Bounds(date(year, month, 1), _last(year, month))


@given(YEARS)
def test_a_year_goes_from_january_to_december(year: int) -> None:
    assert to_bounds(f"{year:04}") == Bounds(date(year, 1, 1), date(year, 12, 31))


@given(st.integers(1, 999))
def test_a_decade_holds_ten_years(decade: int) -> None:
    assert to_bounds(f"{decade:03}X") == Bounds(date(decade * 10, 1, 1), date(decade * 10 + 9, 12, 31))


@given(DAYS, st.sampled_from(["%Y-%m-%d", "%Y-%m", "%Y"]))
def test_bounds_hold_every_day_of_the_date(day: date, pattern: str) -> None:
    text = f"{day.year:04}" + day.strftime(pattern)[len(day.strftime("%Y")) :]
    bounds = to_bounds(text)
    assert bounds.earliest is not None
    assert bounds.latest is not None
    assert bounds.earliest <= day <= bounds.latest


@given(DAYS, DAYS)
def test_an_interval_goes_from_the_start_of_one_side_to_the_end_of_the_other(one: date, other: date) -> None:
    start, end = sorted((one, other))
    assert to_bounds(f"{start}/{end}") == Bounds(start, end)
    assert to_bounds(f"{start.year:04}/{end.year:04}") == Bounds(date(start.year, 1, 1), date(end.year, 12, 31))


@given(DAYS, DAYS)
def test_an_interval_that_ends_before_it_starts_is_refused(one: date, other: date) -> None:
    if one != other:
        with pytest.raises(DataError, match="ends before it starts"):
            to_bounds(f"{max(one, other)}/{min(one, other)}")


@given(DAYS, st.sampled_from(["", ".."]))
def test_an_open_side_of_an_interval_has_no_bound(day: date, side: str) -> None:
    assert to_bounds(f"{day}/{side}") == Bounds(day, None)
    assert to_bounds(f"{side}/{day}") == Bounds(None, day)


@given(DAYS, st.sampled_from("~?%"))
def test_a_mark_of_doubt_moves_no_bound(day: date, mark: str) -> None:
    assert to_bounds(f"{day}{mark}") == Bounds(day, day)
    assert to_bounds(f"{day.year:04}{mark}") == to_bounds(f"{day.year:04}")


@pytest.mark.parametrize("text", ["XXXX", "XXXX-06", "XXXX-06-30", "XXXX-XX-30"])
def test_an_unknown_year_has_no_bounds(text: str) -> None:
    assert to_bounds(text) == Bounds(None, None)


@given(st.text() | st.text("0123456789-/.XYTZESuxyz~?%{}[],:+ ", max_size=14))
@example("2018-02-30")
@example("2018-13")
@example("0000")
@example("Y170000002")
@example("2018-XX-31")
@example("2018/2019/2020")
@example("[1667, 1668]")
@example("{..1984}")
@example("2001-21")
@example("..")
@example("/")
@example("99999")
def test_any_other_text_is_refused_as_data_and_in_no_other_way(text: str) -> None:
    try:
        bounds = to_bounds(text)
    except DataError:
        return
    assert bounds.earliest is None or bounds.latest is None or bounds.earliest <= bounds.latest


@pytest.mark.parametrize("text", ["", "soon", "2018-02-30", "2018-13", "23.7.2018", "2018/07/23"])
def test_a_text_that_is_no_date_is_named_with_what_to_write(text: str) -> None:
    with pytest.raises(DataError, match=r"is not a date in EDTF\. Write it like"):
        to_bounds(text)
