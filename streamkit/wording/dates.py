"""Dates, times of day and years when said."""

from __future__ import annotations

import re
from typing import Final

from streamkit.wording.numbers import NumberWords, Reader, either, word_before
from streamkit.wording.ordinals import OrdinalWords

_MONTH_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTH_FIRST: Final = frozenset({"us", "ph"})
"""Countries that write the month before the day; so does "en" without a country."""
_SHORT_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_POLISH_DAYS: Final = (
    "pierwszego", "drugiego", "trzeciego", "czwartego", "piątego", "szóstego", "siódmego",
    "ósmego", "dziewiątego", "dziesiątego", "jedenastego", "dwunastego", "trzynastego",
    "czternastego", "piętnastego", "szesnastego", "siedemnastego", "osiemnastego",
    "dziewiętnastego", "dwudziestego",
)  # fmt: skip
_POLISH_HOURS: Final = (
    "zero", "pierwsza", "druga", "trzecia", "czwarta", "piąta", "szósta", "siódma", "ósma",
    "dziewiąta", "dziesiąta", "jedenasta", "dwunasta", "trzynasta", "czternasta", "piętnasta",
    "szesnasta", "siedemnasta", "osiemnasta", "dziewiętnasta", "dwudziesta",
    "dwudziesta pierwsza", "dwudziesta druga", "dwudziesta trzecia", "dwudziesta czwarta",
)  # fmt: skip

_ISO: Final = re.compile(r"(?<![\w-])(\d{4})-(\d{2})-(\d{2})(?![\w-])")
_DATE: Final = re.compile(r"(?<![\w./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\w-])")
# The full stop of "p.m." may be the sentence's too.
_HALF: Final = r"(?P<half>[AaPp])\.?[Mm](?:\.(?=\s+[^A-Z\s]|[,;:)]))?(?!\w)"
_TIME: Final = re.compile(
    r"(?<![\w:.,])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
    r"(?:\s?(?:Uhr|uur|h|hrs?|heures|horas?)(?!\w))?(?![\w:])"
)
_HALF_TIME: Final = re.compile(
    rf"(?<![\w:.,])(?P<hour>1[0-2]|0?[1-9]):(?P<minute>[0-5]\d)\s?{_HALF}"
)
_HOUR: Final = re.compile(rf"(?<![\w:.,])(?P<hour>1[0-2]|0?[1-9])\s?{_HALF}")
_FRENCH_TIME: Final = re.compile(
    r"(?<![\w.,])(?P<hour>[01]?\d|2[0-4])\s?h\s?(?P<minute>[0-5]\d)(?!\w)"
)
_DECADE: Final = re.compile(r"(?<![\w.])['’]?(?P<number>(?:1[1-9]|20)?\d0)s(?!\w)")
_BEFORE_DECADES: Final = frozenset(
    {"the", "The", "early", "late", "mid", "his", "her", "their", "my", "your", "our"}
)


class DateWords:
    """Reads what is about time.

    Args:
        numbers: the numbers of the language.
        ordinals: its ordinals.
        language: the BCP 47 tag, for the order of day and month.
    """

    def __init__(self, numbers: NumberWords, ordinals: OrdinalWords, language: str) -> None:
        self.numbers = numbers
        self.ordinals = ordinals
        self.vocabulary = numbers.vocabulary
        self.speller = numbers.speller
        country = language.lower().replace("_", "-").partition("-")[2]
        self._month_first = self.vocabulary.language == "en" and (
            not country or country in _MONTH_FIRST
        )

    def readers(self) -> list[Reader]:
        """Dates and times, what is more specific first."""
        months = either(self.vocabulary.months)
        found = [
            Reader(_ISO, self._say_iso),
            Reader(_DATE, self._say_date),
        ]
        match self.vocabulary.language:
            case "en":
                day = re.compile(
                    rf"(?<!\w)(?P<month>{months}|(?:{either(_SHORT_MONTHS)})\b\.?)\s"
                    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?![\w:%]|[.,]\d)"
                )
                found += [
                    Reader(_HALF_TIME, self._say_time),
                    Reader(_HOUR, self._say_hour),
                    Reader(day, self._say_english_day),
                    Reader(_DECADE, self._say_decade),
                ]
            case "fr":
                found.append(Reader(_FRENCH_TIME, self._say_time))
            case "pl":
                day = re.compile(rf"(?<![\w.,])(?P<day>\d{{1,2}})(?=\s(?:{months})\b)")
                found += [
                    Reader(day, lambda match: self._day(int(match["day"]), "")),
                    Reader(re.compile(r"(?<=\d{4} )r\."), _say_polish_year),
                ]
        return [*found, Reader(_TIME, self._say_time)]

    def years(self) -> list[Reader]:
        """Years, which look like quantities and so come after measures."""
        if self.vocabulary.language not in ("en", "de", "nl"):
            return []
        years = r"1[1-9]\d\d|20\d\d" if self.vocabulary.language == "en" else r"1[1-9]\d\d"
        pattern = re.compile(rf"(?<![\w.,:/])(?<!\D-)(?:{years})(?![\w:/]|[.,]\d)")
        return [Reader(pattern, lambda match: self.speller.year(int(match[0])))]

    def _say_iso(self, match: re.Match[str]) -> str | None:
        return self._date(match, int(match[3]), int(match[2]), int(match[1]))

    def _say_date(self, match: re.Match[str]) -> str | None:
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if self._month_first and match[2] != "." and first <= len(_MONTH_DAYS):
            first, second = second, first
        return self._date(match, first, second, year)

    def _date(self, match: re.Match[str], day: int, month: int, year: int) -> str | None:
        if not (1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1] and year >= 1000):
            return None
        name, said = self.vocabulary.months[month - 1], self.speller.year(year)
        spoken_day = self._day(day, word_before(match))
        match self.vocabulary.language:
            case "en":
                return f"{name} {spoken_day}, {said}"
            case "es" | "pt":
                return f"{spoken_day} de {name} de {said}"
            case _:
                return f"{spoken_day} {name} {said}"

    def _day(self, day: int, before: str) -> str:
        """The day of a date, after a word."""
        match self.vocabulary.language:
            case "en":
                return self.speller.ordinal(day) or ""
            case "de":
                return self.ordinals.german(day, before, "")
            case "pl":
                if day <= 20:
                    return _POLISH_DAYS[day - 1]
                tens = "dwudziestego" if day < 30 else "trzydziestego"
                return tens if day == 30 else f"{tens} {_POLISH_DAYS[day % 10 - 1]}"
            case "fr" | "pt" | "it" if day == 1:
                return self.speller.ordinal(1) or ""
            case _:
                return self.speller.integer(day)

    def _say_english_day(self, match: re.Match[str]) -> str | None:
        day, month = int(match["day"]), match["month"].rstrip(".")
        if not 1 <= day <= 31:
            return None
        name = next(name for name in self.vocabulary.months if name.startswith(month[:3]))
        return f"{name} {self.speller.ordinal(day)}"

    def _say_time(self, match: re.Match[str]) -> str:
        parts, words = match.groupdict(), self.vocabulary
        hour, minute, half = int(match["hour"]), int(match["minute"]), parts.get("half")
        said = self._hour(hour)
        named = words.form(words.units["h"], str(hour))
        match words.language:
            case "en" if minute:
                said += f" {'oh ' if minute < 10 else ''}{self.speller.integer(minute)}"
            case "en" if not half:
                said += f" {words.clock_full}" if 0 < hour <= 12 else " hundred"
            case "fr" if minute:
                said += f" {named} {self.speller.integer(minute)}"
            case "fr" | "pt" if not minute:
                said += f" {named}"
            case _ if minute:
                said += words.clock + self.speller.integer(minute)
            case _ if words.clock_full and not half:
                said += f" {words.clock_full}"
        if parts.get("second"):
            said += f" {words.half_joint} {self.numbers.count(parts['second'], words.units['s'])}"
        return f"{said} {half.upper()} M" if half else said

    def _say_hour(self, match: re.Match[str]) -> str:
        return f"{self._hour(int(match['hour']))} {match['half'].upper()} M"

    def _hour(self, hour: int) -> str:
        match self.vocabulary.language:
            case "pl":
                return _POLISH_HOURS[hour]
            case "de":
                return self.speller.integer(hour, "masculine")
            case "fr" | "es" | "pt":
                return self.speller.integer(hour, "feminine")
            case _:
                return self.speller.integer(hour)

    def _say_decade(self, match: re.Match[str]) -> str | None:
        number = int(match["number"])
        if number < 100 and match[0][0].isdigit() and word_before(match) not in _BEFORE_DECADES:
            return None  # seconds, more likely
        said = self.speller.year(number) if number >= 100 else self.speller.integer(number)
        return said[:-1] + "ies" if said.endswith("y") else said + "s"


def _say_polish_year(match: re.Match[str]) -> str:
    return "roku" if match.string[match.end() :].lstrip()[:1].islower() else "roku."
