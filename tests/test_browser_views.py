"""What the page shows beside the markers, in a real browser: search, panel, tables, and GraphiQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from pipeline.model import milliseconds
from tests.browser import PHONE, Browser, address
from tests.live_server import LiveServer
from tests.published_city import EVIL, City, past
from tests.small_city import SYSTEM, feed, information, status, vehicle

pytestmark = pytest.mark.browser

DASH = "\u2013"


def test_a_station_is_found_without_accents_and_by_keys_alone(browser: Browser, city_server: LiveServer) -> None:
    browser.open(address(city_server))
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
    browser: Browser, city_server: LiveServer, city: City
) -> None:
    now = milliseconds(datetime.now(UTC))
    city.write(past(now))
    browser.open(address(city_server, "#station=l"))
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


def test_an_address_of_a_station_that_is_gone_says_so(browser: Browser, city_server: LiveServer) -> None:
    browser.open(address(city_server, "#station=gone"))
    browser.shows(".panel", "The system has no such station.")
    browser.one(".panel .close").click()
    browser.until(lambda: not browser.all("#panel")[0].is_displayed(), "the panel closed")
    assert browser.wrongs == []


def test_tables_sort_and_lead_to_the_station_and_back(browser: Browser, city_server: LiveServer, city: City) -> None:
    city.write(past(datetime.now(UTC)))
    browser.open(address(city_server, "#tables=stations"))
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
    browser: Browser, city_server: LiveServer, city: City
) -> None:
    at = city.polled_at or datetime.now(UTC)
    bikes = [
        vehicle("out", charge=0.5, still_since=at - timedelta(hours=49.5)),
        vehicle("kept", "l", is_reserved=True, charge=0.9),
        vehicle("broken", "o", is_disabled=True, range_meters=12_000.0),
    ]
    city.publish(*(replace(bike, polled_at=at) for bike in bikes), feed("vehicle_status", polled_at=at))
    browser.open(address(city_server, "#tables=outside"))
    browser.until(lambda: browser.texts(".grid tbody th") == ["out"], "the bike outside")
    assert browser.texts(".grid tbody td")[:2] == ["outside a station", "48.39000, -4.49000"]
    assert browser.texts(".grid tbody td")[4:6] == ["2 days", "yes"]
    assert browser.texts(".grid .abandoned") == ["yes"]
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
    browser: Browser, city_server: LiveServer, city: City, place: str
) -> None:
    city.write(past(datetime.now(UTC)))
    browser.open(address(city_server, place), size=PHONE)
    browser.shows("#connection", "Live")
    browser.until(lambda: "…" not in browser.text("main"), "everything loaded", lambda: browser.text("main"))
    assert not browser.is_wider_than_its_window
    assert browser.wrongs == []


def test_the_nearest_stations_with_bikes_are_shown_by_distance(browser: Browser, city_server: LiveServer) -> None:
    browser.open(address(city_server))
    browser.shows("#connection", "Live")
    browser.devtools("Browser.grantPermissions", permissions=["geolocation"])
    browser.devtools("Emulation.setGeolocationOverride", latitude=48.388, longitude=-4.480, accuracy=10)
    browser.one("#near").click()
    browser.shows(".panel h2", "Bikes near you")
    assert browser.texts(".nearest a > span:nth-child(2)") == ["Liberté", EVIL, "Océan"]
    browser.one(".nearest a").click()
    browser.shows(".panel h2", "Liberté")


def test_graphiql_runs_a_subscription_from_our_own_origin(browser: Browser, city_server: LiveServer) -> None:
    browser.open(address(city_server, "graphiql"))
    browser.one(".graphiql-execute-button")
    query = f'subscription {{ stationUpdates(systemId: "{SYSTEM}") {{ stations {{ name }} }} }}'
    browser.run("document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.setValue(arguments[0])", query)
    browser.one(".graphiql-execute-button").click()
    browser.until(lambda: any("Liberté" in text for text in browser.texts(".result-window")), "the answer")
    assert browser.foreign_requests() == []
    assert browser.wrongs == []


def test_a_thousand_stations_are_dots_from_far_and_numbers_from_near(
    browser: Browser, city_server: LiveServer, city: City
) -> None:
    at = city.polled_at or datetime.now(UTC)
    places = [(f"{row}-{column}", row, column) for row in range(40) for column in range(25)]
    stations = [information(name, f"S {name}", 48 + row / 1000, -4 + column / 1000) for name, row, column in places]
    counts = [status(name, 6, 6, at, stations_in_poll=len(places)) for name, _, _ in places]
    city.publish(*stations, *counts, feed("station_status", polled_at=at))
    browser.open(address(city_server))
    browser.one(".leaflet-overlay-pane canvas")
    assert browser.all(".station") == []
    place = browser.run("const {x, y} = bikewire.map.latLngToContainerPoint([48.02, -3.99]); return [x, y]")
    ActionChains(browser.chrome).move_to_element_with_offset(
        browser.one("#map"), *_from_middle(browser, *place)
    ).click().perform()
    browser.shows(".panel h2", "S 20-10")
    assert len(browser.all(".station")) == 1
    browser.run("bikewire.map.setView([48.02, -3.99], 17, {animate: false})")
    browser.until(
        lambda: 20 < len(browser.all(".station")) < 200, "the stations in sight", lambda: len(browser.all(".station"))
    )
    assert browser.text(f"{browser.marker('S 20-10')} .mark") == "6"
    assert browser.wrongs == []


def _from_middle(browser: Browser, x: float, y: float) -> tuple[int, int]:
    """A place on the map as Selenium counts: from the middle of the element."""
    size = browser.one("#map").size
    return round(x - size["width"] / 2), round(y - size["height"] / 2)
