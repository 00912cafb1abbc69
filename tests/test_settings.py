"""Settings: read from the environment, and wrong ones refused in one sentence that names the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import VELOZEF, Settings, SettingsError


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_settings_velozef_is_polled_into_the_data_folder(somewhere: Path) -> None:
    settings = Settings.read()
    data = somewhere / "data"
    assert (settings.feeds, settings.data, settings.log, settings.store, settings.lake) == (
        (VELOZEF,),
        data,
        f"sqlite:///{data}/log.sqlite",
        f"sqlite:///{data}/store.sqlite",
        f"{data}/lake",
    )
    assert "feeds" not in settings.model_fields_set


def test_feeds_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIKEWIRE_FEEDS", "http://a/gbfs.json, https://b/gbfs.json,")
    assert Settings.read().feeds == ("http://a/gbfs.json", "https://b/gbfs.json")


def test_what_is_given_goes_over_the_environment_and_none_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIKEWIRE_PORT", "1234")
    assert (Settings.read(port=None).port, Settings.read(port=5).port) == (1234, 5)


def test_an_unknown_variable_is_refused_and_the_nearest_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIKEWIRE_MIN_POL_SECONDS", "5")
    with pytest.raises(SettingsError) as refusal:
        Settings.read()
    assert str(refusal.value) == (
        "BIKEWIRE_MIN_POL_SECONDS: Bikewire has no such setting; the nearest is BIKEWIRE_MIN_POLL_SECONDS."
    )


@pytest.mark.parametrize("variable", ["BIKEWIRE_", "BIKEWIRE_ZZZ"])
def test_a_variable_like_nothing_we_know_is_refused_too(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "5")
    with pytest.raises(SettingsError, match=f"^{variable}: Bikewire has no such setting"):
        Settings.read()


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [
        ("BIKEWIRE_PORT", "99999", "Input should be less than or equal to 65535 (it is '99999')."),
        ("BIKEWIRE_MIN_POLL_SECONDS", "0", "Input should be greater than 0 (it is '0')."),
        ("BIKEWIRE_FEEDS", "ftp://a", "'ftp://a' is not an http(s) URL."),
        ("BIKEWIRE_FEEDS", "", "name at least one feed."),
        ("BIKEWIRE_LOG_LEVEL", "LOUD", "'LOUD' is none of DEBUG, INFO, WARNING, ERROR."),
    ],
)
def test_a_wrong_value_is_refused_with_its_rule(
    variable: str, value: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as refusal:
        Settings.read()
    assert str(refusal.value) == f"{variable}: {rule}"
