"""The map in a real browser, on the real server: live, restarted, out of date, and never anyone else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

from pipeline.settings import Settings
from tests.browser import Browser, address, state_of
from tests.live_server import LiveServer, running
from tests.published_city import EVIL, City

pytestmark = pytest.mark.browser

DASH = "\u2013"


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    with running(settings) as found:
        yield address(found)


def test_stations_stand_on_the_map_with_state_and_number_and_the_header_tells_the_totals(
    browser: Browser, city_server: LiveServer
) -> None:
    browser.open(address(city_server))
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


def test_nothing_is_asked_of_anyone_else_and_the_policy_is_never_broken(
    browser: Browser, city_server: LiveServer
) -> None:
    browser.open(address(city_server))
    browser.one(browser.marker("Liberté")).click()
    browser.one(".panel .chart-place")
    for name in ("stations", "network", "figures", "outside", "charge", "feeds"):
        browser.run("location.hash = arguments[0]", f"tables={name}")
        browser.until(lambda: "…" not in browser.text(".tables-grid"), f"table {name}")
    asked = browser.requests()
    assert any(url.startswith("ws://") for url in asked)
    assert [url for url in asked if f"127.0.0.1:{city_server.port}/" not in url] == []
    assert browser.wrongs == []


def test_a_poll_changes_the_marker_that_is_there(browser: Browser, city_server: LiveServer, city: City) -> None:
    browser.open(address(city_server))
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
    browser: Browser, city_server: LiveServer, city: City
) -> None:
    city.hold_seconds = 2.0
    city.poll(g=1)
    browser.open(address(city_server))
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


def test_a_name_that_is_html_is_text_everywhere(browser: Browser, city_server: LiveServer) -> None:
    browser.open(address(city_server))
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


def test_the_page_speaks_the_browser_s_language_and_can_be_switched(browser: Browser, city_server: LiveServer) -> None:
    browser.open(address(city_server), language="fr-FR", is_dark=True)
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
