"""What Whisper says when nobody does.

It learnt from subtitles of videos, and where they had music or silence there stood thanks, credits
and requests to subscribe. These are often reported (openai/whisper discussions 679 and 928,
and the issues of every live-caption server). A person may well say "thank you": a phrase counts
only when it is all there is, and the gate asks for more doubts than its words.
"""

from __future__ import annotations

import re
from typing import Final

_WHOLE: Final = frozenset(
    {
        "thank you",
        "thanks",
        "thank you very much",
        "thank you so much",
        "thank you for watching",
        "thanks for watching",
        "thank you for watching this video",
        "thank you for listening",
        "thank you for your attention",
        "please subscribe",
        "please subscribe to my channel",
        "like and subscribe",
        "dont forget to like and subscribe",
        "see you next time",
        "see you in the next video",
        "ill see you next time",
        "ill see you in the next video",
        "bye",
        "bye bye",
        "you",
        "so",
        "the end",
        "music",
        "applause",
        "silence",
        "vielen dank",
        "vielen dank fürs zuschauen",
        "bis zum nächsten mal",
        "gracias",
        "gracias por ver el video",
        "suscríbete al canal",
        "merci",
        "merci davoir regardé cette vidéo",
        "à bientôt",
        "obrigado por assistir",
        "grazie per la visione",
        "bedankt voor het kijken",
        "dziękuję za uwagę",
        "спасибо за просмотр",
        "продолжение следует",
        "ご視聴ありがとうございました",
        "謝謝觀看",
        "谢谢观看",
        "시청해주셔서 감사합니다",
    }
)

_PARTS: Final = (
    "amaraorg",
    "subtitles by",
    "subtitled by",
    "captions by",
    "transcription by",
    "untertitel im auftrag des zdf",
    "untertitelung des zdf",
    "untertitel der",
    "soustitres réalisés par",
    "soustitrage st",
    "subtítulos realizados por",
    "subtítulos por la comunidad",
    "legendas pela comunidade",
    "sottotitoli creati dalla comunità",
    "sottotitoli a cura di",
    "ondertitels ingediend door",
    "napisy stworzone przez",
    "редактор субтитров",
    "субтитры сделал",
    "字幕by",
    "字幕由",
    "www",
)
"""Nobody says these aloud; anywhere in the text."""


def is_invented_phrase(text: str) -> bool:
    """Tell whether a text is a phrase that Whisper is known to say in silence."""
    plain = " ".join(re.sub(r"[^\w\s]|_", "", text.casefold()).split())
    return plain in _WHOLE or any(part in plain for part in _PARTS)
