"""Configuration files: every mistake with its place, and nothing a file can say hurts the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.configuration.shapes import Configuration, configuration_in
from vestibule.configuration.yamltext import read_yaml, write_yaml
from vestibule.errors import BadInput

GOOD = """\
organisations:
  - name: Alder Clinic
    departments:
      - name: Cardiology
        zone: America/Chicago
        external: "10501101"
    connections:
      - name: Alder test
        vendor: epic
        environment: test
        iss: https://ehr.example.org/api/FHIR/R4
        profile: {status: {verb: POST, retries: 3, keep: true, ratio: 0.5, none: null}}
"""


def read(text: str) -> Configuration:
    return configuration_in(read_yaml(text, "alder.yaml"))


def test_a_file_is_read_as_written() -> None:
    (one,) = read(GOOD).organisations
    assert one.departments[0].external == "10501101"
    assert one.connections[0].profile == {"status": {"verb": "POST", "retries": 3, "keep": True, "ratio": 0.5, "none": None}}


@pytest.mark.parametrize(
    ("was", "now", "place", "words"),
    [
        ("vendor: epic", "vendor: acme", "9:9", "acme"),
        ("vendor: epic", "vender: epic", "9:9", "vender"),
        ('external: "10501101"', "external: 10501101", "6:9", "put it in quotes"),
        ("zone: America/Chicago", "zone: yes", "5:9", "put it in quotes"),
        ("zone: America/Chicago\n", "\n", "4:9", "zone"),
        ("environment: test", "environment: test\n        environment: production", "11:9", "given twice"),
        ("name: Alder Clinic", "name: *clinic", "2:11", "aliases"),
        ("name: Alder Clinic", "name: !!python/object:os.system x", "2:11", "quotes"),
        ("name: Alder Clinic", "name: 2026-03-01", "2:11", "timestamp"),
        ("name: Alder Clinic", "1: Alder Clinic", "2:5", "must be text"),
        ("name: Alder Clinic", "<<: {name: x}", "2:5", "must be text"),
        ("organisations:", "organisations: [", "", "alder.yaml"),
        (
            "      - name: Cardiology",
            "      - {name: A, zone: UTC, external: '1'}\n      - {name: B, zone: UTC, external: '1'}\n      - name: Cardiology",
            "5:9",
            "described twice",
        ),
    ],
)
def test_every_mistake_has_its_place(was: str, now: str, place: str, words: str) -> None:
    assert was in GOOD
    with pytest.raises(BadInput) as caught:
        read(GOOD.replace(was, now, 1))
    assert caught.value.code == "configuration-file-wrong"
    assert caught.value.sentence.startswith(f"alder.yaml:{place}" if place else "alder.yaml")
    assert words in caught.value.sentence


@pytest.mark.parametrize(
    "text",
    ["", "- 1", "a: b", "organisations:", "\x00", "[" * 5000, "organisations: " + "{a: " * 3000, "a: &a [*a]", "%YAML 9.9\n---\na: 1"],
)
def test_what_is_no_configuration_is_one_sentence(text: str) -> None:
    with pytest.raises(BadInput):
        read(text)


def test_a_few_letters_cannot_unfold_into_more_than_memory_holds() -> None:
    laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{now}: &{now} [{','.join([f'*{was}'] * 9)}]\n" for was, now in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(BadInput, match="aliases"):
        read_yaml(laughs, "laughs.yaml")


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    try:
        read(text)
    except BadInput as error:
        assert error.code == "configuration-file-wrong"  # noqa: PT017  anything else fails the test


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(exclude_categories=["Cs"])),
        lambda some: st.dictionaries(st.text(alphabet="abcé: #'-\n", min_size=1), some) | st.lists(some),
        max_leaves=8,
    )
)
def test_what_is_written_is_read_back(data: object) -> None:
    assert read_yaml(write_yaml({"data": data}), "x").data == {"data": data}
