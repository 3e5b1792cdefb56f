"""Settings: typed, from the environment, every mistake at once."""

from pathlib import Path

import pytest

from vestibule.settings import SETTINGS, SettingsError, as_environment, load


def test_defaults_are_enough_to_start() -> None:
    settings = load({})
    assert settings.database_url == ""
    assert settings.origin == "http://127.0.0.1:8080"


def test_every_mistake_is_reported_at_once() -> None:
    wrong = {"VESTIBULE_PORT": "http", "VESTIBULE_LOG_LEVEL": "loud", "VESTIBULE_ALLOW_LOOPBACK_HTTP": "perhaps", "VESTIBULE_POTR": "1"}
    with pytest.raises(SettingsError) as caught:
        load(wrong)
    assert len(caught.value.mistakes) == 4


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://visits.example.org", True),
        ("https://visits.example.org:8443/", True),
        ("http://127.0.0.1:8080", True),  # loopback may be plain
        ("http://visits.example.org", False),  # anything else may not
        ("http://127.0.0.1.example.org", False),  # looks like loopback, is not
        ("https://user@visits.example.org", False),
        ("https://visits.example.org/path", False),
        ("ftp://visits.example.org", False),
    ],
)
def test_the_public_address_is_an_origin_and_https_beyond_loopback(url: str, good: bool) -> None:
    if good:
        assert load({"VESTIBULE_PUBLIC_URL": url}).public_url == url.rstrip("/")
    else:
        with pytest.raises(SettingsError):
            load({"VESTIBULE_PUBLIC_URL": url})


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    assert load({"VESTIBULE_TURN_SECRET_FILE": str(file)}).turn_secret == "s3cret"


def test_a_secret_given_twice_or_unreadable_is_a_mistake_that_does_not_repeat_it(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret")
    for environ in (
        {"VESTIBULE_TURN_SECRET_FILE": str(file), "VESTIBULE_TURN_SECRET": "other"},
        {"VESTIBULE_TURN_SECRET_FILE": str(tmp_path / "absent")},
    ):
        with pytest.raises(SettingsError) as caught:
            load(environ)
        assert "s3cret" not in str(caught.value)
        assert "other" not in str(caught.value)


def test_settings_survive_the_way_to_a_child_process() -> None:
    settings = load({"VESTIBULE_TRUSTED_PROXIES": "10.0.0.1, 10.0.0.2", "VESTIBULE_ALLOW_LOOPBACK_HTTP": "yes"})
    assert load(as_environment(settings)) == settings


def test_every_setting_explains_itself() -> None:
    assert all(s.help.endswith(".") for s in SETTINGS)
    assert len({s.name for s in SETTINGS}) == len(SETTINGS)


CELLS = {"VESTIBULE_REGION": "eu", "VESTIBULE_CELLS": "eu=https://eu.example,us=https://us.example/", "VESTIBULE_CELLS_TOKEN": "t" * 32}


def test_cells_are_read_as_regions_with_origins() -> None:
    assert load(CELLS).cells == ("eu=https://eu.example", "us=https://us.example")
    assert load(as_environment(load(CELLS))) == load(CELLS)


@pytest.mark.parametrize(
    "change",
    [
        {"VESTIBULE_CELLS": "eu"},
        {"VESTIBULE_CELLS": "eu="},
        {"VESTIBULE_CELLS": "=https://eu.example"},
        {"VESTIBULE_CELLS": "eu=http://eu.example"},
        {"VESTIBULE_CELLS": "eu=https://eu.example/path"},
        {"VESTIBULE_CELLS": "eu=https://a@eu.example"},
        {"VESTIBULE_CELLS": "eu=https://one.example,eu=https://two.example"},
        {"VESTIBULE_CELLS": "eu=https://one.example,us=https://one.example"},
        {"VESTIBULE_REGION": ""},
        {"VESTIBULE_REGION": "EU/../"},
        {"VESTIBULE_CELLS_TOKEN": "short"},
    ],
)
def test_cells_that_cannot_work_are_a_mistake(change: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        load(CELLS | change)
