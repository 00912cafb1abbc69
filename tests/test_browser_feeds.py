"""The feeds on the page, in a real browser: their health in words, their deviations, and all systems to choose from."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from selenium.webdriver.common.keys import Keys

from pipeline.model import FeedState, SystemInformation, milliseconds
from tests.browser import PHONE, Browser, address
from tests.live_server import LiveServer
from tests.published_city import City
from tests.small_city import SYSTEM, feed, information

pytestmark = pytest.mark.browser

FOUND = (
    '{"count_range":{"count":2,"example":"station_status a: bikes is -1; a count is not negative; left out."},'
    '"id_is_text":{"count":7,"example":"station_status 1: station_id is 1; an id is text; repaired."}}'
)


def now() -> datetime:
    return milliseconds(datetime.now(UTC))


def add_system(city: City, system_id: str, name: str, lat: float, lon: float) -> None:
    """Another system with one station."""
    said = SystemInformation(
        system_id=system_id, polled_at=now(), name=name, time_zone="Europe/Oslo", operator="Bysykkel"
    )
    station = replace(information("x", "X", lat, lon), system_id=system_id)
    state = replace(feed("station_status", FeedState.REFUSED, now(), reason="It is HTML."), system_id=system_id)
    city.publish(said, station, state)


def test_a_feed_that_does_not_answer_is_never_called_live_and_says_why(
    browser: Browser, city_server: LiveServer, city: City
) -> None:
    browser.open(address(city_server))
    browser.shows("#connection", "Live")
    assert (browser.text("#health"), browser.all("#health")[0].is_displayed()) == ("", False)
    city.publish(feed("station_status", FeedState.UNREACHABLE, now(), reason="The server answered 503."))
    browser.shows("#connection", "Feed not answering")
    assert browser.texts("#health > *") == [
        "Not live: the feed does not answer.",
        "The server answered 503.",
        "Feeds",
    ]
    browser.one("#language").click()
    browser.shows("#connection", "Flux muet")
    browser.shows("#health strong", "Pas en direct : le flux ne répond pas.")
    city.poll(l=6)
    browser.shows("#connection", "En direct")
    browser.until(lambda: not browser.all("#health")[0].is_displayed(), "no more said of the feed")
    assert browser.wrongs == []


def test_the_feeds_tell_their_health_and_lead_to_the_system_for_other_software(
    browser: Browser, city_server: LiveServer, city: City
) -> None:
    city.publish(feed("vehicle_status", FeedState.REFUSED, now(), reason="The body is HTML.", deviations=0))
    browser.open(address(city_server, "#tables=feeds"))
    browser.until(lambda: len(browser.texts(".grid tbody tr")) == 2, "two feeds")
    rows = "return [...document.querySelectorAll('.grid tbody tr')].map((row) => [0, 1, 2].map((cell) =>"
    assert browser.run(rows + " row.children[cell].textContent))") == [
        ["station_status", "Fresh", "OK"],
        ["vehicle_status", "Refused", "Refused"],
    ]
    assert browser.text(".grid tbody tr:last-child td:last-child") == "The body is HTML."
    links = browser.run("return [...document.querySelectorAll('.tables-links a')].map((link) => link.href)")
    assert [link.removeprefix(address(city_server)) for link in links] == [
        f"gbfs/{SYSTEM}/gbfs.json",
        f"gbfs/{SYSTEM}/3.0/gbfs.json",
        f"gbfs/{SYSTEM}/stations.geojson",
        f"gbfs/{SYSTEM}/stations.csv",
    ]
    for link in links:
        assert city_server.get(f"/{link.removeprefix(address(city_server))}").status_code == 200


def test_the_deviations_are_listed_by_their_number_with_an_example(
    browser: Browser, city_server: LiveServer, city: City
) -> None:
    city.publish(feed("vehicle_status", polled_at=now(), deviations=9, deviations_by_rule=FOUND))
    browser.open(address(city_server, "#tables=deviations"), size=PHONE)
    browser.until(lambda: len(browser.texts(".grid tbody tr")) == 2, "two rules")
    assert browser.texts(".grid tbody th") == ["an id is text", "a count is not negative"]
    assert browser.texts(".grid tbody tr:first-child td") == [
        "vehicle_status",
        "7",
        "station_status 1: station_id is 1; an id is text; repaired.",
    ]
    assert not browser.is_wider_than_its_window


def test_one_system_is_shown_at_once_and_offers_no_choice(browser: Browser, city_server: LiveServer) -> None:
    browser.open(address(city_server))
    browser.shows("#connection", "Live")
    assert browser.texts("#views a") == ["Map", "Service", "Tables"]
    assert browser.run("return location.hash") == ""


@pytest.mark.parametrize("size", [(1280, 800), PHONE])
def test_several_systems_stand_on_a_map_and_in_a_list_to_choose_from(
    browser: Browser, city_server: LiveServer, city: City, size: tuple[int, int]
) -> None:
    add_system(city, "oslo", "Årstiden", 59.9, 10.7)
    browser.open(address(city_server), size=size)
    browser.until(lambda: len(browser.all(".system-dot")) == 2, "a dot for each system")
    assert browser.texts(".systems strong") == ["Årstiden", "Vélo de Brest"]
    assert browser.texts(".systems li:first-child span, .systems li:first-child small") == [
        "Refused",
        "1 station · Bysykkel",
    ]
    assert not browser.is_wider_than_its_window
    browser.one(".panel input").send_keys("velo")
    browser.until(lambda: browser.texts(".systems strong") == ["Vélo de Brest"], "the one that was looked for")
    browser.one(".systems a").send_keys(Keys.ENTER)
    browser.shows("#connection", "Live")
    browser.one(browser.marker("Liberté"))
    assert browser.run("return location.search") == f"?system={SYSTEM}"
    assert browser.wrongs == []


def test_from_all_systems_the_map_goes_back_to_the_stations(
    browser: Browser, city_server: LiveServer, city: City
) -> None:
    add_system(city, "oslo", "Årstiden", 59.9, 10.7)
    browser.open(address(city_server, f"?system={SYSTEM}"))
    browser.one(browser.marker("Liberté"))
    place = "return [bikewire.map.getZoom(), bikewire.map.getCenter().lat]"
    before = browser.run(place)
    browser.one("#views a").click()
    browser.until(lambda: len(browser.all(".system-dot")) == 2, "a dot for each system")
    assert not browser.all(browser.marker("Liberté"))[0].is_displayed()
    browser.one("[data-close]").click()
    browser.one(browser.marker("Liberté"))
    assert browser.run(place) == pytest.approx(before, abs=0.001)
    assert browser.wrongs == []
