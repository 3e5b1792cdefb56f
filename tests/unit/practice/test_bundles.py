"""Loading FHIR bundles."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from practice import setup
from practice.bundles import BadBundle, load_bundle, load_folder
from practice.model import Book
from practice.seed import seed


def seeded() -> Book:
    book = Book()
    seed(book, time.time())
    return book


def test_the_sample_patients_come_in_with_a_visit_each_and_only_once() -> None:
    corpus = os.environ.get("VESTIBULE_CORPUS")
    if not corpus:
        pytest.skip("VESTIBULE_CORPUS is not set: the sample bundles are not here")
    book, folder = seeded(), Path(corpus) / "fhir" / "r4"
    loaded = load_folder(book, folder, time.time())
    assert len(loaded) == len(list(folder.glob("*.json")))
    assert all(any(a.patient == key for a in book.appointments) for key in loaded)
    assert not any(c.isdigit() for key in loaded for c in (book.patient(key) or book.patients[0]).name)
    setup.check(book)
    assert load_folder(book, folder, time.time()) == []


def test_a_patient_of_few_words_is_still_a_patient() -> None:
    book = seeded()
    loaded = load_bundle(book, {"entry": [{"resource": {"resourceType": "Patient", "id": "p"}}]}, time.time())
    assert loaded == ["p"]
    setup.check(book)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"resourceType": "Patient"}', '{"resourceType": "Bundle", "entry": {}}', "[" * 100_000],
)
def test_a_file_that_is_no_bundle_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.json").write_text(content)
    with pytest.raises(BadBundle, match=r"odd\.json"):
        load_folder(seeded(), tmp_path, time.time())


@pytest.mark.parametrize(
    "entries",
    [
        [None, 7, {}, {"resource": None}, {"resource": []}],
        [{"resource": {"resourceType": "Patient", "id": "x", "name": "no list", "telecom": {"a": 1}, "gender": 7}}],
        [{"resource": {"resourceType": "Patient", "id": "x", "name": [None], "telecom": [None, {"system": "phone"}]}}],
        [{"resource": {"resourceType": "Practitioner", "id": "d", "name": [{"family": None, "given": []}]}}],
    ],
)
def test_odd_entries_do_no_harm(entries: list[Any]) -> None:
    book = seeded()
    load_bundle(book, {"entry": entries}, time.time())
    setup.check(book)


@pytest.mark.parametrize("key", ["../../etc", "x" * 65, "a b"])
def test_an_id_that_fhir_does_not_allow_is_refused(tmp_path: Path, key: str) -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": key}}]}
    (tmp_path / "odd.json").write_text(json.dumps(bundle))
    with pytest.raises(BadBundle, match="does not fit"):
        load_folder(seeded(), tmp_path, time.time())
