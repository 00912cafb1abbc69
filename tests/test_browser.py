"""The map in a real browser, on the real server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from pipeline.model import TOPIC_OF, Record, SystemInformation, Topic, encode, milliseconds
from pipeline.ports import LogRecord
from pipeline.settings import Settings
from pipeline.tables import STATION_DAY, STATION_HISTORY, STATION_HOUR, TABLES, Table
from pipeline.wiring import open_log, open_store
from tests.browser import PHONE, Browser, browsing
from tests.live_server import LiveServer, running
from tests.small_city import SYSTEM, feed, information, network, status, vehicle

pytestmark = pytest.mark.browser

DASH = "\u2013"
EVIL = '<img src=x onerror="window.evil=1">'
PLACES = {
    "g": ("Gare", 48.388, -4.480),
    "l": ("Liberté", 48.390, -4.486),
    "o": ("Océan", 48.384, -4.450),
    "e": (EVIL, 48.395, -4.470),
}
BIKES = {"g": 0, "l": 5, "o": 2, "e": 7}


@dataclass
class City:
    """Publishes polls of four stations as a poller does, and knows where its data are."""

    settings: Settings
    hold_seconds: float = 180.0
    bikes: dict[str, int] = field(default_factory=lambda: dict(BIKES))
    polled_at: datetime | None = None

    def begin(self) -> None:
        """The system, its stations and a first poll."""
        at = milliseconds(datetime.now(UTC))
        system = SystemInformation(system_id=SYSTEM, polled_at=at, name="Vélo de Brest", time_zone="Europe/Paris")
        self.publish(system, *(information(station_id, *place, 12) for station_id, place in PLACES.items()))
        self.poll()

    def poll(self, **bikes: int) -> None:
        """A poll in which these stations have changed; the station_status and its totals."""
        before, self.polled_at = self.polled_at, milliseconds(datetime.now(UTC))
        self.bikes |= bikes
        more: dict[str, Any] = {
            "hold_seconds": self.hold_seconds,
            "stations_in_poll": len(PLACES),
            "seen_before": before,
        }
        records = [
            status(name, count, 12 - count, self.polled_at, changed=before is None or name in bikes, **more)
            for name, count in self.bikes.items()
        ]
        totals = {
            "stations_expected": len(PLACES),
            "stations_reporting": len(PLACES),
            "bikes": sum(self.bikes.values()),
        }
        counted = network(self.polled_at, **totals)
        self.publish(*records, feed("station_status", polled_at=self.polled_at), counted)

    def publish(self, *records: Record) -> None:
        asyncio.run(self._publish(records))

    async def _publish(self, records: tuple[Record, ...]) -> None:
        async with open_log(self.settings.log) as log:
            await log.create(list(Topic))
            await log.publish(
                SYSTEM, [LogRecord(TOPIC_OF[type(record)], record.key, encode(record)) for record in records]
            )

    def write(self, rows: Mapping[Table, list[dict[str, Any]]]) -> None:
        """Rows that the pipeline has computed."""
        asyncio.run(self._write(rows))

    async def _write(self, rows: Mapping[Table, list[dict[str, Any]]]) -> None:
        async with open_store(self.settings.store) as store:
            await store.create(TABLES)
            await store.write(rows)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def city(tmp_path: Path) -> City:
    found = City(Settings.read(data=tmp_path, tiles=""))
    found.begin()
    return found


@pytest.fixture
def server(city: City) -> Iterator[LiveServer]:
    with running(city.settings) as found:
        yield found


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    with running(settings) as found:
        yield address(found)


def address(server: LiveServer, rest: str = "") -> str:
    return f"http://127.0.0.1:{server.port}/{rest}"


def state_of(browser: Browser, name: str) -> tuple[str, str]:
    """The state and the sign of a station's mark."""
    mark = f"{browser.marker(name)} .mark"
    found: str = browser.run("return document.querySelector(arguments[0])?.dataset.state ?? ''", mark)
    return found, browser.text(mark)


def test_stations_stand_on_the_map_with_state_and_number_and_the_header_tells_the_totals(
    browser: Browser, server: LiveServer
) -> None:
    browser.open(address(server))
    browser.shows("#connection", "Live")
    assert {name: state_of(browser, name) for name in ("Gare", "Liberté", "Océan")} == {
        "Gare": ("EMPTY", "0"),
        "Liberté": ("NORMAL", "5"),
        "Océan": ("NEARLY_EMPTY", "2"),
    }
    assert browser.text("h1") == "Vélo de Brest"
    browser.shows('[data-total="bikes"] dd', "14")
    assert browser.text('[data-total="stations"] dd') == "4"
    assert "updated" in browser.text(".brand .age")
    assert browser.text("#notice") == "No map background is set."
    assert browser.wrongs == []


def test_nothing_is_asked_of_anyone_else_and_the_policy_is_never_broken(browser: Browser, server: LiveServer) -> None:
    browser.open(address(server))
    browser.one(browser.marker("Liberté")).click()
    browser.one(".panel .chart-place")
    for name in ("stations", "network", "figures", "outside", "charge", "feeds"):
        browser.run("location.hash = arguments[0]", f"tables={name}")
        browser.until(lambda: "…" not in browser.text(".tables-grid"), f"table {name}")
    asked = browser.requests()
    assert any(url.startswith("ws://") for url in asked)
    assert [url for url in asked if f"127.0.0.1:{server.port}/" not in url] == []
    assert browser.wrongs == []


def test_a_poll_changes_the_marker_that_is_there(browser: Browser, server: LiveServer, city: City) -> None:
    browser.open(address(server))
    browser.shows(f"{browser.marker('Liberté')} .mark", "5")
    browser.run("document.querySelector(arguments[0]).kept = 'the same element'", browser.marker("Liberté"))
    city.poll(l=12)
    browser.until(lambda: state_of(browser, "Liberté") == ("FULL", "12"), "Liberté full")
    assert (
        browser.run("return document.querySelector(arguments[0]).kept", browser.marker("Liberté")) == "the same element"
    )
    assert browser.run("return document.querySelector(arguments[0]).ariaLabel", browser.marker("Liberté")) == (
        "Liberté: Full, 12 bikes · 0 docks"
    )
    browser.shows('[data-total="bikes"] dd', "21")


def test_after_a_restart_of_the_server_the_page_is_live_again_and_has_missed_nothing(
    browser: Browser, city: City
) -> None:
    with running(city.settings) as first:
        browser.open(address(first))
        browser.shows("#connection", "Live")
    browser.shows("#connection", "Reconnecting…")
    assert state_of(browser, "Liberté") == ("NORMAL", "5")
    city.poll(l=1)
    city.poll(o=9)
    with running(city.settings, port=first.port):
        browser.shows("#connection", "Live")
        browser.until(lambda: state_of(browser, "Océan") == ("NEARLY_FULL", "9"), "what was missed of Océan")
        assert state_of(browser, "Liberté") == ("NEARLY_EMPTY", "1")
        city.poll(g=4)
        browser.until(lambda: state_of(browser, "Gare") == ("NORMAL", "4"), "what comes after")
    assert browser.wrongs == []


def test_a_system_that_is_no_longer_polled_is_said_to_be_out_of_date_and_nothing_is_invented(
    browser: Browser, server: LiveServer, city: City
) -> None:
    city.hold_seconds = 2.0
    city.poll(g=1)
    browser.open(address(server))
    browser.shows("#connection", "Out of date")
    assert {state_of(browser, name) for name in ("Gare", "Liberté", "Océan")} == {("UNKNOWN", "?")}
    assert set(browser.texts(".totals dd")) == {DASH}
    browser.one(browser.marker("Liberté")).click()
    assert browser.texts(".figures dd") == [DASH, DASH, DASH]


def test_before_the_first_poll_the_page_says_what_it_waits_for_and_then_shows_it(
    browser: Browser, tmp_path: Path
) -> None:
    city = City(Settings.read(data=tmp_path, tiles=""))
    with served(city.settings) as page:
        browser.open(page)
        browser.shows("#notice", "No system has been polled yet")
        assert set(browser.texts(".totals dd")) == {"…"}
        city.begin()
        browser.shows("#connection", "Live")
        assert state_of(browser, "Liberté") == ("NORMAL", "5")


def test_a_name_that_is_html_is_text_everywhere(browser: Browser, server: LiveServer) -> None:
    browser.open(address(server))
    browser.one("#search").send_keys("img src")
    browser.one("#found li[role=option]")
    assert browser.texts("#found li") == ["7" + EVIL]
    browser.one("#search").send_keys(Keys.ENTER)
    browser.shows(".panel h2", EVIL)
    marker = next(found for found in browser.all(".station") if found.text == "7")
    ActionChains(browser.chrome).move_to_element(marker).perform()
    browser.shows(".leaflet-tooltip strong", EVIL)
    browser.run("location.hash = 'tables=stations'")
    browser.shows(".grid tbody", EVIL)
    assert browser.all("img[src=x]") == []
    assert browser.run("return window.evil") is None
    assert browser.wrongs == []


def test_a_station_is_found_without_accents_and_by_keys_alone(browser: Browser, server: LiveServer) -> None:
    browser.open(address(server))
    browser.shows("#connection", "Live")
    search = browser.one("#search")
    search.send_keys("e")
    browser.until(lambda: len(browser.all("#found li[role=option]")) > 1, "stations with an e")
    first = browser.text('#found li[aria-selected="true"]')
    search.send_keys(Keys.ARROW_DOWN)
    assert browser.text('#found li[aria-selected="true"]') != first
    search.send_keys(Keys.BACKSPACE, "liberte", Keys.ENTER)
    browser.shows(".panel h2", "Liberté")
    assert browser.run("return document.activeElement.id") == "panel"
    browser.chrome.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.until(lambda: not browser.one("#city").find_element("id", "panel").is_displayed(), "the panel closed")
    search.send_keys("xyz")
    browser.shows("#found", "No station has that name")
    search.send_keys(Keys.ESCAPE)
    assert not browser.all("#found")[0].is_displayed()


def test_the_panel_tells_the_last_day_with_its_gap_and_the_hours_with_their_coverage(
    browser: Browser, server: LiveServer, city: City
) -> None:
    now = milliseconds(datetime.now(UTC))
    city.write(_past(now))
    browser.open(address(server, "#station=l"))
    browser.shows(".panel h2", "Liberté")
    assert browser.texts(".figures dd") == ["5", "7", DASH]
    assert "Capacity: 12 declared" in browser.text(".now")
    browser.one(".panel .chart canvas")
    assert browser.text(".panel .gap-note") == "Not seen"
    assert browser.texts(".hours tbody tr:first-child > *") == [
        now.astimezone(ZoneInfo("Europe/Paris")).strftime("%H:00"),
        "4.5",
        "7.5",
        "25%",
        "0%",
        "50%",
    ]
    city.poll(l=6)
    browser.shows('[data-figure="bikes"] dd', "6")
    assert browser.wrongs == []


def _past(now: datetime) -> dict[Table, list[dict[str, Any]]]:
    """Two hours seen, two not; and an hour's figures."""
    place = {"system_id": SYSTEM, "station_id": "l"}
    seen = {"is_installed": True, "is_renting": True, "is_returning": True, "docks": 8, "hold_seconds": 180.0}
    times = [now - timedelta(hours=hours) for hours in (6, 2)]
    history: list[dict[str, Any]] = [
        place | seen | {"month": at.year * 100 + at.month, "polled_at": at, "bikes": 4, "seen_before": before}
        for at, before in zip(times, (None, times[0] + timedelta(hours=2)), strict=True)
    ]
    local = now.astimezone(ZoneInfo("Europe/Paris")).replace(minute=0, second=0, microsecond=0)
    figures = {"bikes_mean": 4.5, "docks_mean": 7.5, "empty_seconds": 450.0, "full_seconds": 0.0, "closed_seconds": 0.0}
    when = {"date": local.date(), "hour": local.hour, "start": local.astimezone(UTC)}
    hour = place | when | figures | {"observed_seconds": 1800.0, "coverage": 0.5}
    day = {name: value for name, value in hour.items() if name not in {"start", "hour"}} | {"capacity_seen": 14}
    return {STATION_HISTORY: history, STATION_HOUR: [hour], STATION_DAY: [day]}


def test_tables_sort_and_lead_to_the_station_and_back(browser: Browser, server: LiveServer, city: City) -> None:
    city.write(_past(datetime.now(UTC)))
    browser.open(address(server, "#tables=stations"))
    browser.shows(".grid", "Liberté")
    browser.one('th[data-key="bikes"] button').click()
    assert browser.texts(".grid tbody th") == [EVIL, "Liberté", "Océan", "Gare"]
    browser.one('th[data-key="bikes"] button').click()
    assert browser.texts(".grid tbody th") == ["Gare", "Océan", "Liberté", EVIL]
    browser.one('a[href="#tables=figures"]').click()
    browser.shows(".grid tbody", "50%")
    browser.one(".grid tbody a").click()
    browser.shows(".panel h2", "Liberté")
    browser.chrome.back()
    browser.shows("#tables h2", "Figures of a day")


def test_bikes_outside_stations_reserved_and_disabled_are_listed_with_their_place(
    browser: Browser, server: LiveServer, city: City
) -> None:
    at = city.polled_at or datetime.now(UTC)
    bikes = [
        vehicle("out", charge=0.5),
        vehicle("kept", "l", is_reserved=True, charge=0.9),
        vehicle("broken", "o", is_disabled=True, range_meters=12_000.0),
    ]
    city.publish(*(replace(bike, polled_at=at) for bike in bikes), feed("vehicle_status", polled_at=at))
    browser.open(address(server, "#tables=outside"))
    browser.until(lambda: browser.texts(".grid tbody th") == ["out"], "the bike outside")
    assert browser.texts(".grid tbody td")[:2] == ["outside a station", "48.39000, -4.49000"]
    browser.run("location.hash = 'tables=reserved'")
    browser.until(lambda: browser.texts(".grid tbody th") == ["kept"], "the reserved bike")
    assert browser.texts(".grid tbody td")[:2] == ["Liberté", "no"]
    browser.run("location.hash = 'tables=disabled'")
    browser.until(lambda: browser.texts(".grid tbody th") == ["broken"], "the disabled bike")
    assert browser.texts(".grid tbody td")[:3] == ["Océan", "no", "12 km"]
    browser.run("location.hash = 'tables=charge'")
    browser.until(lambda: browser.texts(".grid tbody th")[:2] == ["kept", "out"], "the most charged bikes")


@pytest.mark.parametrize("place", ["", "#station=l", "#tables=stations", "#tables=network", "#tables=figures"])
def test_on_a_phone_nothing_is_wider_than_the_screen(
    browser: Browser, server: LiveServer, city: City, place: str
) -> None:
    city.write(_past(datetime.now(UTC)))
    browser.open(address(server, place), size=PHONE)
    browser.shows("#connection", "Live")
    browser.until(lambda: "…" not in browser.text("main"), "everything loaded", lambda: browser.text("main"))
    assert not browser.is_wider_than_its_window
    assert browser.wrongs == []


def test_the_page_speaks_the_browser_s_language_and_can_be_switched(browser: Browser, server: LiveServer) -> None:
    browser.open(address(server), language="fr-FR", is_dark=True)
    browser.shows("#connection", "En direct")
    assert browser.run("return document.documentElement.lang") == "fr"
    assert browser.texts(".totals dt")[:2] == ["Vélos", "Places"]
    assert "5 vélos · 7 places" in browser.run(
        "return document.querySelector(arguments[0]).ariaLabel", browser.marker("Liberté")
    )
    browser.one("#language").click()
    browser.shows("#connection", "Live")
    assert browser.texts(".totals dt")[:2] == ["Bikes", "Docks"]
    browser.chrome.refresh()
    browser.shows("#connection", "Live")


def test_a_map_whose_tiles_can_not_be_reached_says_so_and_is_live_all_the_same(
    browser: Browser, city: City, tmp_path: Path
) -> None:
    # A port of 1 is never listened on.
    settings = Settings.read(data=tmp_path, tiles="http://127.0.0.1:1/{z}/{x}/{y}.png")
    with served(settings) as page:
        browser.open(page)
        browser.shows("#notice", "The map background can't be reached.")
        assert state_of(browser, "Liberté") == ("NORMAL", "5")


def test_the_nearest_stations_with_bikes_are_shown_by_distance(browser: Browser, server: LiveServer) -> None:
    browser.open(address(server))
    browser.shows("#connection", "Live")
    browser.devtools("Browser.grantPermissions", permissions=["geolocation"])
    browser.devtools("Emulation.setGeolocationOverride", latitude=48.388, longitude=-4.480, accuracy=10)
    browser.one("#near").click()
    browser.shows(".panel h2", "Bikes near you")
    assert browser.texts(".nearest a > span:nth-child(2)") == ["Liberté", EVIL, "Océan"]
    browser.one(".nearest a").click()
    browser.shows(".panel h2", "Liberté")


def test_graphiql_runs_a_subscription_from_our_own_origin(browser: Browser, server: LiveServer) -> None:
    browser.open(address(server, "graphiql"))
    browser.one(".graphiql-execute-button")
    query = f'subscription {{ stationUpdates(systemId: "{SYSTEM}") {{ stations {{ name }} }} }}'
    browser.run("document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue(arguments[0])", query)
    browser.one(".graphiql-execute-button").click()
    browser.until(lambda: any("Liberté" in text for text in browser.texts(".result-window")), "the answer")
    assert browser.foreign_requests() == []
    assert browser.wrongs == []
