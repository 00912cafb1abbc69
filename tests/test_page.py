"""The pages as they are rendered: what they load, and what their policy allows."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import folium
import pytest

from frontend import PACKAGES, STATIC, VENDOR
from frontend.page import PageOptions, StationMap, graphiql_page, render

TILES = "https://tile.example.org/{z}/{x}/{y}.png"
OPTIONS = PageOptions(title="Bikes", tiles=TILES, attribution="© Somebody")


def policy(csp: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (directive.split() for directive in csp.split("; "))}


def addresses(html: str) -> list[str]:
    """Everything that the page loads by itself."""
    return re.findall(r'<(?:script|link|img)\b[^>]*?(?:src|href)="([^"]*)"', html)


def test_the_same_options_give_the_same_page() -> None:
    assert render(OPTIONS) == render(OPTIONS)
    assert graphiql_page(OPTIONS) == graphiql_page(OPTIONS)


@pytest.mark.parametrize("page", [render(OPTIONS), graphiql_page(OPTIONS)], ids=["map", "graphiql"])
def test_a_page_loads_only_files_that_are_there_on_our_own_origin(page: tuple[str, str]) -> None:
    loaded = addresses(page[0])
    for address in loaded:
        if vendored := re.fullmatch(r"/static/vendor/([^/]+)/(.+)", address):
            assert vendored[1] in PACKAGES
            assert (VENDOR / vendored[1] / vendored[2]).is_file(), address
        else:
            assert (STATIC / address.removeprefix("/static/")).is_file(), address
    assert len(loaded) > 5


def test_the_policy_allows_our_own_origin_the_tiles_and_this_very_inline_script() -> None:
    html, csp = render(OPTIONS)
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy(csp) == {
        "default-src": ["'none'"],
        "script-src": ["'self'", f"'sha256-{digest}'"],
        "style-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:", "https://tile.example.org"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }


def test_no_page_has_inline_handlers_or_styles() -> None:
    for html, _ in (render(OPTIONS), graphiql_page(OPTIONS)):
        assert not re.search(r"\s(on\w+|style)=", html)
        assert "<style" not in html


@pytest.mark.parametrize(
    ("tiles", "images"),
    [
        ("", ["'self'", "data:"]),
        ("/tiles/{z}/{x}/{y}.png", ["'self'", "data:"]),
        ("https://{s}.tile.example.org:8443/{z}/{x}/{y}.png", ["'self'", "data:", "https://*.tile.example.org:8443"]),
    ],
)
def test_images_come_from_the_tiles_origin_if_there_is_one(tiles: str, images: list[str]) -> None:
    assert policy(render(PageOptions(tiles=tiles)).csp)["img-src"] == images


def test_without_tiles_there_is_no_tile_layer() -> None:
    html = render(PageOptions()).html
    assert "tileLayer" not in html
    assert "tiles: null" in html


def test_tiles_without_an_attribution_are_owed_to_their_origin() -> None:
    assert '"attribution": "https://tile.example.org"' in render(PageOptions(tiles=TILES)).html


def test_the_page_is_told_where_the_api_is_and_which_system_comes_first() -> None:
    html = render(PageOptions(graphql="/api/graphql", system="velo & co")).html
    found = re.search(r"settings: ({.*?})", html)
    assert found is not None
    assert json.loads(found[1]) == {"graphql": "/api/graphql", "system": "velo & co"}


def test_settings_can_not_end_the_script_or_the_title() -> None:
    evil = "</script></title><script>alert(1)</script>"
    html = render(PageOptions(title=evil, tiles=TILES, attribution=evil, graphql=evil, system=evil)).html
    assert html.count("<script>") == 1
    assert "<title>&lt;/script&gt;" in html
    assert "alert(1)</script>" not in graphiql_page(PageOptions(title=evil, graphql=evil)).html


def test_folium_is_left_as_it_was() -> None:
    before = folium.Map().get_root().render()
    StationMap(OPTIONS).get_root().render()
    after = folium.Map().get_root().render()
    assert re.findall(r"https://\S+", before) == re.findall(r"https://\S+", after)
    assert folium.Map.default_js != StationMap.default_js


def test_only_folium_is_needed_for_the_map_on_a_page_of_ours() -> None:
    names = [address.rsplit("/", 1)[-1] for address in addresses(render(OPTIONS).html)]
    assert "leaflet.js" in names
    assert not {"jquery.min.js", "bootstrap.bundle.min.js"} & set(names)


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((STATIC.parent / "package-lock.json").read_text("utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
    assert all("integrity" in package for name, package in lock["packages"].items() if name)
