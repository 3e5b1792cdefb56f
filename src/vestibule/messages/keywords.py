"""Words that patients answer with: no more texts, texts again, help; in every language that texts are sent in."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Keyword(StrEnum):
    """What somebody asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"


_STOP: Final = {
    "en": ("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "opt out"),
    "es": ("parar", "alto", "cancelar", "fin", "detener", "baja", "salir"),
    "ko": ("중지", "정지", "그만", "수신거부", "해지"),
    "zh-TW": ("停止", "取消", "退訂", "退订", "停"),
}
_START: Final = {
    "en": ("start", "yes", "unstop"),
    "es": ("si", "comenzar", "iniciar", "reanudar", "empezar"),
    "ko": ("시작", "예", "네"),
    "zh-TW": ("開始", "开始", "是", "恢復"),
}
_HELP: Final = {"en": ("help", "info"), "es": ("ayuda", "informacion"), "ko": ("도움말", "도움", "안내"), "zh-TW": ("幫助", "帮助", "說明")}

_WORDS: Final[Mapping[str, tuple[Keyword, str]]] = {
    word: (keyword, language)
    for keyword, table in ((Keyword.STOP, _STOP), (Keyword.START, _START), (Keyword.HELP, _HELP))
    for language, words in table.items()
    for word in words
}
# What we answer where the carrier does not; `{organisation}` and `{phone}` are the clinic's.
ANSWERS: Final[Mapping[tuple[Keyword, str], str]] = {
    (Keyword.STOP, "en"): "{organisation}: you will get no more texts from us. Reply START to get them again.",
    (Keyword.START, "en"): "{organisation}: you will get texts about your video visits again. Reply STOP to end them.",
    (Keyword.HELP, "en"): "{organisation}: texts about your video visits. Questions? Call {phone}. Reply STOP to end them.",
    (Keyword.STOP, "es"): "{organisation}: no le enviaremos más mensajes. Responda START para volver a recibirlos.",
    (Keyword.START, "es"): "{organisation}: volverá a recibir mensajes sobre sus visitas por video. Responda STOP para terminarlos.",
    (Keyword.HELP, "es"): "{organisation}: mensajes sobre sus visitas por video. ¿Preguntas? {phone}. Responda STOP para no recibirlos.",
    (Keyword.STOP, "ko"): "{organisation}: 더 이상 문자를 보내지 않습니다. 다시 받으시려면 START 라고 답장해 주세요.",
    (Keyword.START, "ko"): "{organisation}: 화상 진료 문자를 다시 보내 드립니다. 그만 받으시려면 STOP 이라고 답장해 주세요.",
    (Keyword.HELP, "ko"): "{organisation}: 화상 진료 안내 문자입니다. 문의: {phone}. 그만 받으시려면 STOP 이라고 답장해 주세요.",
    (Keyword.STOP, "zh-TW"): "{organisation}:我們不會再傳簡訊給您。如要再次接收,請回覆 START。",
    (Keyword.START, "zh-TW"): "{organisation}:您將再次收到視訊看診的簡訊。如要停止,請回覆 STOP。",
    (Keyword.HELP, "zh-TW"): "{organisation}:視訊看診的簡訊。如有問題,請來電 {phone}。如要停止,請回覆 STOP。",
}


def read(text: str) -> tuple[Keyword, str] | None:
    """What a text asks for, and in which language; None for anything that is not just such a word."""
    return _WORDS.get(_plain(text[:80]))


def _plain(text: str) -> str:
    """Without capitals, accents, punctuation and white space around: `  ¡Sí! ` is `si`."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in spread if unicodedata.category(char) not in {"Mn", "Cf"})
    words = "".join(char if unicodedata.category(char)[0] in "LN" else " " for char in bare)
    return unicodedata.normalize("NFC", " ".join(words.split()))
