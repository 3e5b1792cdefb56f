"""The patient's language, PID-15, as a BCP 47 tag: table 0296 is the sender's own, so codes of ISO 639, tags and English names are read."""

from __future__ import annotations

import re

from vestibule.protocols.hl7v2.notice import Coded

# ISO 639-1 code: codes of ISO 639-2 (terminology and bibliography) and names, small letters.
_LANGUAGES = """
am amh amharic|ar ara arabic|bg bul bulgarian|bn ben bengali bangla|bs bos bosnian|cs ces cze czech|da dan danish
de deu ger german deutsch|el ell gre greek|en eng english|es spa spanish castilian español espanol|et est estonian
fa fas per farsi persian|fi fin finnish|fr fra fre french français|gu guj gujarati|he heb hebrew|hi hin hindi
hr hrv croatian|ht hat haitian creole|hu hun hungarian|hy hye arm armenian|id ind indonesian|is isl ice icelandic
it ita italian|ja jpn japanese|ka kat geo georgian|km khm khmer cambodian|kn kan kannada|ko kor korean|ku kur kurdish
lo lao laotian|lt lit lithuanian|lv lav latvian|mk mkd mac macedonian|ml mal malayalam|mn mon mongolian|mr mar marathi
ms msa may malay|my mya bur burmese|ne nep nepali|nl nld dut dutch|no nor norwegian|pa pan punjabi panjabi|pl pol polish
ps pus pashto|pt por portuguese|ro ron rum romanian|ru rus russian|si sin sinhala sinhalese|sk slk slo slovak
sl slv slovenian|so som somali|sq sqi alb albanian|sr srp serbian|sv swe swedish|sw swa swahili|ta tam tamil
te tel telugu|th tha thai|ti tir tigrinya|tl tgl tagalog|fil filipino|tr tur turkish|uk ukr ukrainian|ur urd urdu
uz uzb uzbek|vi vie vietnamese|yi yid yiddish|yue cantonese|hmn hmong|zh zho chi chinese mandarin
"""
_BY_WORD = {word: line.split()[0] for line in re.split(r"[|\n]", _LANGUAGES) if line.strip() for word in line.split()}
_TAG = re.compile(r"([A-Za-z]{2,3})((?:[-_][A-Za-z0-9]{2,8}){0,3})\Z")
_WORDS = re.compile(r"[^\W\d_]+")
_TRADITIONAL = frozenset({"tw", "hk", "mo", "hant", "traditional", "taiwan", "taiwanese"})
_SIMPLIFIED = frozenset({"cn", "sg", "hans", "simplified"})
_SCRIPT, _REGION = 4, 2


def language_tag(coded: Coded) -> str:
    """The language as a tag such as `es` or `ko`, empty where it is not known here. Traditional Chinese is always `zh-TW`."""
    for written in (coded.code, coded.text):
        tag = _tag(written.strip())
        if tag:
            return tag
    return ""


def _tag(written: str) -> str:
    match = _TAG.match(written)
    words = [word.lower() for word in _WORDS.findall(written)]
    language = _BY_WORD.get(match.group(1).lower()) if match else None
    language = language or next((_BY_WORD[word] for word in words if word in _BY_WORD and len(word) > _REGION), None)
    if language is None:
        return ""
    if language in {"zh", "yue"}:
        return _chinese(language, words)
    return language + "".join(_subtag(part) for part in re.split("[-_]", match.group(2))[1:]) if match else language


def _chinese(language: str, words: list[str]) -> str:
    """Traditional and simplified characters are two written languages."""
    if _TRADITIONAL.intersection(words):
        return "zh-TW"
    return "zh-CN" if _SIMPLIFIED.intersection(words) else language


def _subtag(part: str) -> str:
    """RFC 5646 2.1.1: a script is written `Hant`, a region `TW`."""
    return "-" + (part.title() if len(part) == _SCRIPT else part.upper() if len(part) == _REGION else part.lower())
