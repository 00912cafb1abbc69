"""The pages and their files, as a browser gets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import frontend
from backend.pages import NOT_INSTALLED
from tests.live_server import LiveServer, running, settings_in


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[LiveServer]:
    with running(settings_in(tmp_path)) as found:
        yield found


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Browser libraries as if installed: one file of Leaflet, one of a package that no page loads."""
    vendor = tmp_path / "node_modules"
    for package in ("leaflet", "secret"):
        (vendor / package).mkdir(parents=True)
        (vendor / package / "file.js").write_text("1;")
    monkeypatch.setattr(frontend, "VENDOR", vendor)
    return vendor


@pytest.mark.parametrize("path", ["/", "/graphiql"])
def test_a_page_comes_with_its_policy_and_is_sent_once(libraries: Path, browser: LiveServer, path: str) -> None:
    page = browser.get(path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    again = browser.get(path, headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/graphiql"])
def test_without_the_libraries_a_page_says_what_to_do(
    browser: LiveServer, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(frontend, "VENDOR", Path("/nowhere"))
    page = browser.get(path)
    assert (page.status_code, page.text) == (503, NOT_INSTALLED)


def test_libraries_are_kept_by_the_browser_and_only_those_that_pages_load_are_served(
    libraries: Path, tmp_path: Path
) -> None:
    with running(settings_in(tmp_path)) as browser:
        found = browser.get("/static/vendor/leaflet/file.js")
        assert (found.text, found.headers["cache-control"]) == (
            "1;",
            "public, max-age=86400, stale-while-revalidate=604800",
        )
        assert browser.get("/static/vendor/secret/file.js").status_code == 404
        assert browser.get("/static/vendor/leaflet/%2e%2e/secret/file.js").status_code == 404


def test_our_own_files_are_asked_for_each_time_and_sent_when_they_changed(browser: LiveServer) -> None:
    found = browser.get("/static/app.js")
    assert (found.status_code, found.headers["cache-control"]) == (200, "no-cache")
    assert browser.get("/static/app.js", headers={"if-none-match": found.headers["etag"]}).status_code == 304


def test_what_is_text_is_compressed(browser: LiveServer) -> None:
    assert browser.get("/static/app.js").headers["content-encoding"] == "gzip"
