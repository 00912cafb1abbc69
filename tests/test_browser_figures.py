"""The figures on the page, in a real browser: rankings, the day, a station's week and episodes, the service level."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from pipeline.tables import STATION_SERVICE
from tests.browser import PHONE, Browser, address, state_of
from tests.filled_city import ZONE, filled
from tests.live_server import LiveServer
from tests.published_city import EVIL, City
from tests.small_city import SYSTEM, information, status

pytestmark = pytest.mark.browser

DASH = "\u2013"


@pytest.fixture
def filled_server(city: City, city_server: LiveServer) -> LiveServer:
    """The server of a city with weeks of figures."""
    city.write(filled(datetime.now(UTC)))
    return city_server


def yesterday() -> date:
    return datetime.now(ZONE).date() - timedelta(days=1)


def choose(browser: Browser, control: str, value: str) -> None:
    Select(browser.one(f'[data-control="{control}"]')).select_by_value(value)


def chosen(browser: Browser, name: str, attribute: str = "data-control") -> str:
    found: str = browser.run(f"return document.querySelector('select[{attribute}={name}]').value")
    return found


def fragment(browser: Browser) -> str:
    """What the address says after its #."""
    found: str = browser.run("return location.hash.slice(1)")
    return found


def looked_at(browser: Browser) -> list[float]:
    """The middle of the map and its zoom."""
    found: list[float] = browser.run(
        "const {lat, lng} = bikewire.map.getCenter(); return [lat, lng, bikewire.map.getZoom()]"
    )
    return found


def test_stations_are_ranked_by_a_chosen_metric_in_its_unit_with_coverage_beside_it(
    browser: Browser, filled_server: LiveServer
) -> None:
    browser.open(address(filled_server, "#tables=ranking"))
    browser.until(lambda: browser.texts(".grid tbody th")[0:1] == ["Gare"], "the ranking")
    assert browser.texts(".grid tbody tr:first-child td") == ["1", "50%", "50%"]
    assert browser.run("return document.querySelector('.grid .meter').style.getPropertyValue('--share')") == "0.5"
    choose(browser, "metric", "DEPARTURES_DEBOUNCED")
    choose(browser, "range", "1")
    browser.shows(".grid tbody", "34 bikes")
    choose(browser, "metric", "COVERAGE")
    assert browser.run("return document.querySelector('[data-control=order]').value") == "LEAST"
    browser.one('.grid tbody a[href="#station=o"]').click()
    browser.shows(".panel h2", "Océan")
    assert browser.wrongs == []


def test_what_was_chosen_is_in_the_address_and_comes_back_with_it(browser: Browser, filled_server: LiveServer) -> None:
    browser.open(address(filled_server, "#tables=ranking"))
    choose(browser, "metric", "COVERAGE")
    choose(browser, "range", "1")
    assert fragment(browser) == "tables=ranking&metric=COVERAGE&range=1"
    browser.open(address(filled_server, f"#{fragment(browser)}"))
    browser.until(lambda: browser.texts(".grid tbody th") != [], "the ranking")
    assert [chosen(browser, name) for name in ("metric", "range", "order")] == ["COVERAGE", "1", "LEAST"]
    browser.open(address(filled_server, "#service=&minBikes=0&days=1&weekdays=sat,sun"))
    browser.shows(".terms", "Sat")
    assert chosen(browser, "minBikes", "name") == "0"
    Select(browser.one('.terms [name="toHour"]')).select_by_value("24")
    assert dict(parse_qsl(fragment(browser), keep_blank_values=True)) == {
        "service": "",
        "minBikes": "0",
        "toHour": "24",
        "weekdays": "sat,sun",
        "days": "1",
    }
    browser.open(address(filled_server, "#tables=toString&metric=toString"))
    browser.shows(".tables-title", "Stations")
    assert browser.wrongs == []


@pytest.mark.parametrize(
    ("place", "files"),
    [
        ("#tables=network", ["network-history"]),
        ("#tables=day", ["network-hours", "network-days"]),
        ("#tables=ranking", ["ranking"]),
        ("#tables=figures", ["station-hours", "station-days"]),
        ("#tables=days", ["network-days"]),
        ("#station=l", ["station-history", "episodes", "typical-week"]),
        ("#service=", ["service-level"]),
    ],
)
def test_what_is_shown_can_be_had_as_files(
    browser: Browser, filled_server: LiveServer, place: str, files: list[str]
) -> None:
    browser.open(address(filled_server, place))
    links = ":is(.tables-links, .downloads) a"
    browser.until(lambda: len(browser.all(links)) >= 2 * len(files), "the files", lambda: browser.texts(links))
    urls = [urlsplit(link.get_attribute("href") or "") for link in browser.all(links)]
    assert [url.path for url in urls] == [
        f"/export/brest/{name}.{kind}" for name in files for kind in ("csv", "parquet")
    ]
    for url in urls:
        answer = filled_server.get(f"{url.path}?{url.query}")
        assert answer.status_code == 200, answer.text


def test_a_day_of_the_network_is_told_with_its_coverage_and_what_was_not_seen_is_a_dash(
    browser: Browser, filled_server: LiveServer
) -> None:
    browser.open(address(filled_server, "#tables=day"))
    browser.shows(".tables-grid", "Nothing computed for this day.")
    browser.one('button[aria-label="The day before"]').click()
    browser.shows('[data-figure="bikesMean"]', "42.0")
    assert browser.texts('[data-figure="stationsUnusableMean"] dd') == ["1.8at most 3", "Observed 90%"]
    assert browser.texts('[data-figure="emptyEpisodes"] dd')[0] == "9median 1h 5m"
    assert browser.texts('[data-figure="vehiclesAbandonedMean"] dd') == [DASH, "Observed 0%"]
    browser.until(lambda: len(browser.all(".tables-chart canvas")) == 3, "three charts")
    assert browser.texts(".tables-chart .gap-note") == ["Not seen"] * 3
    assert "03:00" not in browser.texts(".grid tbody th")
    assert browser.texts(".grid tbody tr:first-child > *")[:3] == ["00:00", "100%", "30.0"]
    assert browser.wrongs == []


def test_a_station_s_week_is_read_by_pointer_and_by_keys(browser: Browser, filled_server: LiveServer) -> None:
    browser.open(address(filled_server, "#station=l"))
    browser.until(lambda: len(browser.all(".heat td")) == 168, "the week")
    cell = browser.one('.heat td[data-day="0"][data-hour="8"]')
    assert cell.text == "4.0"
    browser.run("arguments[0].focus()", cell)
    browser.shows(".week-told", f"Monday 08:00{DASH}09:00")
    assert "seen in 2 weeks" in browser.text(".week-told")
    cell.send_keys(Keys.ARROW_RIGHT)
    browser.shows(".week-told", f"Tuesday 08:00{DASH}09:00")
    unseen = browser.all('.heat td[data-hour="3"]')
    assert {found.get_attribute("data-shade") for found in unseen} == {"none"}
    assert unseen[0].text == DASH
    assert unseen[0].get_attribute("aria-label") == f"Monday 03:00{DASH}04:00, not seen"
    browser.one('.switch [data-kind="docks"]').click()
    assert browser.one('.heat td[data-day="0"][data-hour="8"]').text == "8.0"
    assert browser.wrongs == []


def test_episodes_of_a_station_are_told_with_their_length_at_least_where_cut_off(
    browser: Browser, filled_server: LiveServer
) -> None:
    browser.open(address(filled_server, "#station=l"))
    browser.until(lambda: len(browser.all(".episodes li")) == 2, "the episodes")
    assert browser.texts(".episodes li > b") == ["at least 1h 30m", "2h 5m"]
    browser.open(address(filled_server, "#station=o"))
    browser.shows(".panel", "Never seen empty or full.")


def test_the_map_shows_the_service_level_and_is_live_again_afterwards(
    browser: Browser, filled_server: LiveServer, city: City
) -> None:
    browser.open(address(filled_server))
    browser.shows("#connection", "Live")
    browser.one(browser.marker("Liberté"))
    before = looked_at(browser)
    browser.one('#views a[href="#service="]').click()
    browser.shows(".service-network", "52.6%")
    assert "✗ Target of 90% missed" in browser.text(".service-network")
    assert "1 of 3 stations kept it" in browser.text(".service-network")
    assert {name: state_of(browser, name) for name in ("Gare", "Liberté", "Océan")} == {
        "Gare": ("MISSED", "0"),
        "Liberté": ("KEPT", "100"),
        "Océan": ("NEARLY_KEPT", "87"),
    }
    assert browser.all(f"{browser.marker('Liberté')} .mark[data-thin]")
    assert browser.texts(".kept a > span:nth-child(2)") == ["Gare", "Océan", "Liberté"]
    assert "Missed: less than 80%" in browser.text("#legend")
    city.poll(l=12)
    browser.shows('[data-total="bikes"] dd', "21")
    assert state_of(browser, "Liberté") == ("KEPT", "100")
    browser.one('#mode a[href="#"]').click()
    browser.until(lambda: state_of(browser, "Liberté") == ("FULL", "12"), "the live map")
    assert "Nearly empty" in browser.text("#legend")
    assert looked_at(browser) == pytest.approx(before, abs=1e-3)  # to the pixel
    assert browser.wrongs == []


def test_other_terms_are_asked_at_once_and_a_station_is_shown_under_them(
    browser: Browser, filled_server: LiveServer
) -> None:
    browser.open(address(filled_server, "#service="))
    browser.shows(".service-network", "52.6%")
    Select(browser.one('.terms [name="minBikes"]')).select_by_value("1")
    browser.until(lambda: state_of(browser, "Océan") == ("KEPT", "100"), "one bike at Océan")
    browser.one(browser.marker("Océan")).click()
    browser.shows(".promise", "Service level: 100%")
    browser.chrome.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    browser.shows(".panel h2", "Service level")
    assert state_of(browser, "Océan") == ("KEPT", "100")
    Select(browser.one('.terms [name="minBikes"]')).select_by_value("0")
    Select(browser.one('.terms [name="minDocks"]')).select_by_value("0")
    browser.shows(".service-result", "asks for nothing")
    assert state_of(browser, "Gare") == ("UNSEEN", "?")
    assert browser.run("return document.querySelector(arguments[0]).ariaLabel", browser.marker("Gare")) == (
        "Gare: Unknown"
    )
    assert browser.wrongs == []


def test_of_more_stations_than_the_api_tells_the_others_are_said_to_be_better_and_not_unseen(
    browser: Browser, filled_server: LiveServer, city: City
) -> None:
    at = city.polled_at or datetime.now(UTC)
    places = [(f"{row}-{column}", row, column) for row in range(44) for column in range(25)]
    city.publish(*(information(name, f"S {name}", 48 + row / 1000, -4 + column / 1000) for name, row, column in places))
    city.publish(*(status(name, 6, 6, at, stations_in_poll=len(places)) for name, _, _ in places))
    # Half as many bikes as are asked for in half of the time: worse than Liberté, which always has some.
    hours = "[[6,1,5,3600000000],[7,5,5,3600000000]]"
    day = {"system_id": SYSTEM, "date": yesterday(), "hours": hours}
    city.write({STATION_SERVICE: [{**day, "station_id": name} for name, _, _ in places]})
    browser.open(address(filled_server, "#service="))
    browser.shows("#legend", "Not among the 1,000 worst.")
    browser.run("location.hash = 'station=l'")
    browser.until(lambda: state_of(browser, "Liberté") == ("BEYOND", "≥"), "a station that is none of the worst")
    assert browser.wrongs == []


@pytest.mark.parametrize("language", ["en-GB", "fr-FR"])
@pytest.mark.parametrize("place", ["#tables=ranking", "#tables=day", "#station=l", "#service="])
def test_on_a_phone_no_figure_is_wider_than_the_screen(
    browser: Browser, filled_server: LiveServer, place: str, language: str
) -> None:
    browser.open(address(filled_server, place), size=PHONE, language=language)
    browser.until(lambda: browser.text("main") != "" and "…" not in browser.text("main"), "everything loaded")
    assert not browser.is_wider_than_its_window
    assert EVIL not in browser.texts("img")
    assert browser.wrongs == []
