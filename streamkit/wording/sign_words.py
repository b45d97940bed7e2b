"""Signs in words for languages that can spell numbers but have no vocabulary yet.

What is not covered there: units, abbreviations, dates, times of day, ordinals, and how a noun
agrees with its number; numbers, signs and amounts of money are said, the rest as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_NAMES: Final = ("&", "@", "%", "#", "$", "£", "€", "¥", "°", "+", "=", "−", "×")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class SignWords:
    """The signs of one language."""

    words: Mapping[str, str]
    """What is said for each sign."""
    percent_first: bool = False
    """ "Percent" is said before its number."""
    point: str = ""
    """The decimal mark, where the spelling rules do not say decimal fractions."""
    blank: str = " "
    """Between two words."""


def _signs(
    words: str, *, percent_first: bool = False, point: str = "", blank: str = " "
) -> SignWords:
    spoken = (part.strip() for part in words.split("|"))
    return SignWords(dict(zip(_NAMES, spoken, strict=True)), percent_first, point, blank)


SIGN_WORDS: Final = {
    "ar": _signs(
        "و | آت | في المئة | رقم | دولار | جنيه | يورو | ين | درجة | زائد | يساوي | ناقص | في"
    ),
    "cs": _signs(
        "a | zavináč | procent | číslo | dolarů | liber | eur | jenů | stupňů | plus | rovná se"
        " | minus | krát"
    ),
    "hi": _signs(
        "और | ऐट | प्रतिशत | नंबर | डॉलर | पाउंड | यूरो | येन | डिग्री | जमा | बराबर | ऋण | गुणा"
    ),
    "hu": _signs(
        "és | kukac | százalék | szám | dollár | font | euró | jen | fok | plusz | egyenlő"
        " | mínusz | szorozva"
    ),
    "ja": _signs(
        "アンド | アット | パーセント | ナンバー | ドル | ポンド | ユーロ | 円 | 度 | プラス"
        " | イコール | マイナス | かける",
        blank="",
    ),
    "ko": _signs(
        "앤드 | 앳 | 퍼센트 | 번호 | 달러 | 파운드 | 유로 | 엔 | 도 | 더하기"
        " | 는 | 마이너스 | 곱하기"
    ),
    "ru": _signs(
        "и | собака | процентов | номер | долларов | фунтов | евро | иен | градусов | плюс"
        " | равно | минус | умножить на",
        point="запятая",
    ),
    "tr": _signs(
        "ve | et | yüzde | numara | dolar | sterlin | avro | yen | derece | artı | eşittir"  # noqa: RUF001
        " | eksi | çarpı",  # noqa: RUF001
        percent_first=True,
    ),
    "zh": _signs(
        "和 | 艾特 | 百分之 | 号 | 美元 | 英镑 | 欧元 | 日元 | 度 | 加 | 等于 | 负 | 乘",
        percent_first=True,
        blank="",
    ),
}
"""By language, two letters."""

NUMBER: Final = r"\d+(?:[.,]\d+)*"
AMOUNT: Final = re.compile(rf"(?P<sign>[$£€¥])\s?(?P<before>{NUMBER})|(?P<after>{NUMBER})\s?%")
SIGN: Final = re.compile(r"[&@%#$£€¥°]|(?<=\d)\s?[+=×](?=\s?\d)|\s[+=×]\s(?=\w)")  # noqa: RUF001
MINUS: Final = re.compile(r"(?<![\w)\]])[-−–](?=[$£€¥]?\d)|−")  # noqa: RUF001
