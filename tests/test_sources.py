"""Which systems are polled, and with what."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.credentials import ClientCredentials, FixedHeaders
from pipeline.settings import VELOZEF, Settings, SettingsError
from pipeline.sources import sources

URL = "https://example.org/gbfs.json"
SECRETS = {"HARBOUR_KEY": "k3y", "HARBOUR_ID": "harbour", "EMPTY": " ", "BROKEN": "a\nb"}


def read(folder: Path, text: str, **given: object) -> Settings:
    file = folder / "systems.toml"
    file.write_text(text)
    return Settings.read(systems=str(file), **given)


def auth(lines: str) -> str:
    return f'[[system]]\nurl = "{URL}"\n[system.auth]\n{lines}'


def test_feeds_alone_are_polled_with_the_settings() -> None:
    settings = Settings.read(feeds=(URL, URL))

    assert [(source.url, source.settings, source.scoped) for source in sources(settings, {})] == [(URL, settings, None)]


def test_a_file_takes_the_place_of_the_default(tmp_path: Path) -> None:
    text = f'[[system]]\nurl = "{URL}"\nlanguages = ["fr"]\nmin_poll_seconds = 30\n[[system]]\nurl = "{URL}?2"'
    settings = read(tmp_path, text)

    found = sources(settings, {})

    assert [source.url for source in found] == [URL, f"{URL}?2"]
    assert (found[0].settings.languages, found[0].settings.min_poll_seconds) == (("fr",), 30)
    assert found[1].settings == settings


def test_feeds_are_polled_beside_the_file(tmp_path: Path) -> None:
    settings = read(tmp_path, f'[[system]]\nurl = "{URL}"\nmin_poll_seconds = 30', feeds=(VELOZEF, URL))

    assert [(source.url, source.settings.min_poll_seconds) for source in sources(settings, {})] == [
        (URL, 30),
        (VELOZEF, 60),
    ]


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    text = auth('type = "bearer"\ntoken = "HARBOUR_KEY"\nhosts = ["Feeds.example.org"]')

    (source,) = sources(read(tmp_path, text), SECRETS)

    assert source.scoped is not None
    assert source.scoped.credentials == FixedHeaders({"Authorization": "Bearer k3y"})
    assert source.scoped.hosts == {"example.org", "feeds.example.org"}
    assert source.scoped.hidden("Bearer k3y, k3y") == "(secret), (secret)"


def test_headers_have_any_names(tmp_path: Path) -> None:
    (source,) = sources(read(tmp_path, auth('type = "headers"\nheaders = {X-Id = "HARBOUR_ID"}')), SECRETS)

    assert source.scoped is not None
    assert source.scoped.credentials == FixedHeaders({"X-Id": "harbour"})


def test_client_credentials(tmp_path: Path) -> None:
    text = auth(
        'type = "oauth2"\ntoken_url = "https://example.org/token"\nclient_id = "HARBOUR_ID"\n'
        'client_secret = "HARBOUR_KEY"\nscope = "gbfs"'
    )

    (source,) = sources(read(tmp_path, text), SECRETS)

    assert source.scoped is not None
    found = source.scoped.credentials
    assert isinstance(found, ClientCredentials)
    assert (found.token_url, found.client_id, found.client_secret, found.scope) == (
        "https://example.org/token",
        "harbour",
        "k3y",
        "gbfs",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "system: Field required."),
        ("system = []", "system: Tuple should have at least 1 item"),
        ('[[system]]\nurl = "ftp://x"', "system.0.url: Value error, this is not an http(s) URL."),
        (f'[[system]]\nurl = "{URL}"\ncolour = 1', "system.0.colour: Extra inputs are not permitted."),
        (f'[[system]]\nurl = "{URL}"\nmin_poll_seconds = 0', "system.0.min_poll_seconds: Input should be greater"),
        ("[[system", "can't be read: "),
        (auth('type = "magic"'), "system.0.auth: Input tag 'magic' found"),
        (auth('type = "bearer"'), "system.0.auth.bearer.token: Field required."),
        (auth('type = "bearer"\ntoken = "EMPTY"'), "EMPTY is no environment variable with a usable value"),
        (auth('type = "bearer"\ntoken = "BROKEN"'), "BROKEN is no environment variable with a usable value"),
        (auth('type = "bearer"\ntoken = "s3cret"'), "what the file names is no environment variable"),
        (auth('type = "headers"\nheaders = {}'), "Dictionary should have at least 1 item"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        sources(read(tmp_path, text), SECRETS)

    assert str(refusal.value).startswith("BIKEWIRE_SYSTEMS: ")
    assert told in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"BIKEWIRE_SYSTEMS: .*missing.toml can't be read: "):
        sources(Settings.read(systems=str(tmp_path / "missing.toml")), {})


def test_without_a_file_there_must_be_a_feed() -> None:
    with pytest.raises(SettingsError, match="BIKEWIRE_FEEDS: name at least one feed"):
        Settings.read(feeds=())
