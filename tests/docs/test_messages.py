"""Every text a person reads is in the catalogue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vestibule.platform.web import i18n

ROOT = Path(__file__).parents[2]


def test_the_catalogue_knows_every_text_run_bin_messages_when_it_does_not() -> None:
    done = subprocess.run([sys.executable, ROOT / "bin" / "messages", "--check"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"run bin/messages; missing:\n{done.stdout}{done.stderr}"


def test_english_says_what_the_source_says() -> None:
    i18n.use("en")
    assert i18n.gettext("We will be right back") == "We will be right back"
    assert i18n.ngettext("one", "many", 2) == "many"


def test_the_best_known_language_is_chosen_and_english_otherwise() -> None:
    assert i18n.languages()[0] == "en"
    for accept in ("", "xx", "*", "de-CH;q=0.1", "en-GB,en;q=0.9", "a" * 10_000, ",,;;", "en\x00"):
        assert i18n.negotiate(accept) == "en"


def test_writing_goes_the_way_of_the_language() -> None:
    assert (i18n.direction("en"), i18n.direction("ar"), i18n.direction("pt_BR")) == ("ltr", "rtl", "ltr")
