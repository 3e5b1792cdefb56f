"""How the patient can be reached, and in which language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.siu import LATER, changed
from vestibule.protocols.hl7v2 import Coded, choose_email, choose_phone, language_tag, parse, read_notice


def chosen(**fields: str) -> tuple[str, str]:
    said = {"PID-13": "", "PID-14": "", **{name.replace("_", "-"): value for name, value in fields.items()}}
    telecoms = read_notice(parse(changed(LATER, said))).telecoms
    return choose_phone(telecoms), choose_email(telecoms)


@pytest.mark.parametrize(
    ("home", "number"),
    [
        ("555-0134", "5550134"),
        ("(555)555-0101", "5555550101"),
        ("(555)555-0101X123", "5555550101"),
        ("(555) 555-0101 ext. 5", "5555550101"),
        ("(555)555-0101B77CCall after six", "5555550101"),
        ("+44 20 7946 0018", "+442079460018"),
        ("+1 (608) 555-0134", "+16085550134"),
        ("608.555.0134", "6085550134"),
        ("^PRN^PH^^^608^5550134", "6085550134"),
        ("^PRN^PH^^1^608^555-0134", "+16085550134"),
        ("^PRN^PH^^+44^20^79460018", "+442079460018"),
        ("^PRN^PH^^^^6085550134", "6085550134"),
        ("^PRN^PH^^^^^^^^^+16085550134", "+16085550134"),
        ("(608)555-9999^PRN^PH^^^608^5550134^^^^^6085550135", "6085550135"),
        ("(608)555-9999^PRN^PH^^^608^5550134", "6085550134"),
        ("(608)555-9999^PRN^PH^^^^34", "6085559999"),
        ("6085559999^PRN^PH^^^^^^^^^12", "6085559999"),
        ("5550134", "5550134"),
        ("none", ""),
        ("12", ""),
        ("", ""),
    ],
)
def test_a_number_is_read_in_every_version_s_shape(home: str, number: str) -> None:
    assert chosen(PID_13=home) == (number, "")


@pytest.mark.parametrize(
    ("home", "work", "number"),
    [
        pytest.param("5550001^PRN^PH~5550002^PRN^CP", "", "5550002", id="a cell phone first"),
        pytest.param("5550002^PRN^CP~5550003^ORN^CP", "", "5550002", id="of two the first"),
        pytest.param("5550001^PRN^PH", "5550004^WPN^CP", "5550004", id="a cell phone at work before a telephone at home"),
        pytest.param("5550003^ORN^CP", "5550004^WPN^CP", "5550003", id="one at home before one at work"),
        pytest.param("5550001^PRN^PH", "5550005^WPN^PH", "5550001", id="a telephone at home"),
        pytest.param("", "5550005^WPN^PH", "", id="never a desk's telephone"),
        pytest.param("5550005^WPN^PH", "", "", id="nor one that was put among those at home"),
        pytest.param("5550006^PRN^FX~5550007^BPN^BP~5550008^PRN^TDD~5550009^PRN^TTY", "", "", id="never a fax, a pager, a text telephone"),
        pytest.param("5550010^EMR^CP~5550011^ASN^PH", "", "", id="never somebody else's"),
        pytest.param("5550012^ORN^PH~5550013^PRS^PH", "", "5550013", id="the patient's own before another"),
        pytest.param("5550014^prn^cp", "", "5550014", id="in small letters too"),
        pytest.param("5550015^VHN^PH", "", "5550015", id="better than nothing"),
    ],
)
def test_the_number_that_can_be_texted_is_chosen(home: str, work: str, number: str) -> None:
    assert chosen(PID_13=home, PID_14=work)[0] == number


def test_since_2_8_one_field_stands_for_both() -> None:
    assert chosen(PID_40="^WPN^PH^^1^608^5550100~^PRN^CP^^1^608^5550101~^NET^Internet^a@example.org") == ("+16085550101", "a@example.org")


@pytest.mark.parametrize(
    ("home", "work", "email"),
    [
        ("^NET^Internet^joan@example.org", "", "joan@example.org"),
        ("joan@example.org^NET^Internet", "", "joan@example.org"),
        ("^NET^X.400^^^^^^^^^joan@example.org", "", "joan@example.org"),
        ("5550101^PRN^CP^joan@example.org", "", "joan@example.org"),
        ("", "^NET^Internet^work@example.org", "work@example.org"),
        ("^NET^Internet^home@example.org", "^NET^Internet^work@example.org", "home@example.org"),
        ("^NET^Internet^not an address~^NET^Internet^ok@example.org", "", "ok@example.org"),
        ("^NET^Internet^a@b@c", "", ""),
        ("^NET^Internet^a@-", "", ""),
        (r"^NET^Internet^a@example.org\X0D0A\Bcc: x@example.org", "", ""),
        ("^NET^Internet^<a@example.org>", "", ""),
        ("^NET^Internet^" + "a" * 65 + "@example.org", "", ""),
    ],
)
def test_the_address_that_can_be_written_to_is_chosen(home: str, work: str, email: str) -> None:
    assert chosen(PID_13=home, PID_14=work)[1] == email


@given(st.text(st.characters(exclude_characters="\r\n|", exclude_categories=["Cs"]), max_size=80))
def test_whatever_stands_there_a_number_is_digits_and_an_address_is_one(written: str) -> None:
    phone, email = chosen(PID_13=written)
    assert phone == "" or (phone.removeprefix("+").isdigit() and phone.isascii())
    assert email == "" or (email.count("@") == 1 and not any(sign.isspace() for sign in email))


@pytest.mark.parametrize(
    ("code", "text", "tag"),
    [
        ("en", "", "en"),
        ("eng", "English", "en"),
        ("EN-us", "", "en-US"),
        ("English", "", "en"),
        ("SPANISH", "", "es"),
        ("spa", "", "es"),
        ("es_MX", "", "es-MX"),
        ("Español", "", "es"),
        ("kor", "", "ko"),
        ("Korean", "", "ko"),
        ("chi", "", "zh"),
        ("zho", "", "zh"),
        ("zh-TW", "", "zh-TW"),
        ("zh_hant", "", "zh-TW"),
        ("zh-Hant-HK", "", "zh-TW"),
        ("Chinese (Traditional)", "", "zh-TW"),
        ("zh-CN", "", "zh-CN"),
        ("Mandarin", "", "zh"),
        ("Chinese - Cantonese", "", "zh"),
        ("yue", "", "yue"),
        ("ara", "English-us", "ar"),
        ("sr-latn-rs", "", "sr-Latn-RS"),
        ("3", "Spanish", "es"),
        ("", "Korean", "ko"),
        ("", "", ""),
        ("xx", "", ""),
        ("Unknown", "", ""),
        ("it depends", "", ""),
        ("Declined to specify", "", ""),
        ("no", "", "no"),
        ("No preference", "", ""),
        ("English; Spanish", "", "en"),
    ],
)
def test_a_language_is_read_as_code_tag_or_name(code: str, text: str, tag: str) -> None:
    assert language_tag(Coded(code, text)) == tag


@given(st.text(max_size=40))
def test_a_language_is_a_tag_or_nothing(written: str) -> None:
    tag = language_tag(Coded(written))
    assert tag == "" or tag.replace("-", "").isascii()
