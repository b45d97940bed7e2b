"""A text as XTTS takes it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamkit.errors import SynthesisError
from streamkit.llm.sentences import PIECE_MAX
from streamkit.tts.worker.sentences import PreparedSentence
from streamkit.tts.xtts.limits import LANGUAGES, LIMITS, MAX_TEXT_TOKENS, text_cost
from streamkit.tts.xtts.text import prepare

CORPUS = {
    "ar": "مرحبا. لدي 14% في البطارية، و 3 كتب بسعر $20! هل تريد 3.5 كيلو؟",
    "cs": "Dr. Novák a p. Dvořák mají 14 %. Bylo 1. května 2024, 36,6 °C & 20 €. Plán P.",
    "de": (
        "Am 3. Mai um 14:30 Uhr kamen Fr. Müller u. a. zu Dr. Meier & Co. Das kostet 20,15 € (ca. "
        "1.250 $)! Der „1.“ Versuch, #5, bei 36,6°: 100 % gut. Jr. St. Pauli."
    ),
    "en": (
        "Mrs. Jones met Dr. Smith Jr. of AT&T Co. at 5 St. James St. on May 3rd, 2024. It cost "
        '$1,250.50 (£20 or €5)! Is "14%" of #1 at 36.6° enough? Mail me @ a.b@example.org. '
        "Gen. Lee, Col. X, Capt. Y, Sgt. Z, Rev. A, Lt. B, Maj. C, Esq. and Hon. D of Ft. Kay Ltd."
    ),
    "es": "La Sra. Díaz y el Dr. Gil & Co. pagaron $20 (20,15 €). ¿Tiene 14% a 36,6°? El 1º.",
    "fr": "Mme. Moreau et le Dr. Dupont paient 20,15 € & 5 £ ! Le 1er mai, à 14h30, 36,6°.",
    "hi": "नमस्ते। मैं 5 किलो हूँ और 20% अधिक। क्या $12.5 है? डॉ. शर्मा #1 & 2.",
    "hu": "Dr. Szabó és Nagy b. itt van. 14%, ára 20 € & 5 $, 36,6°. Az 1. teszt. Terv B.",
    "it": "Il Sig. Rossi e il Dr. Bianchi & Co. pagano 20,15 € o £5. Il 1° maggio, 36,6° e 14%!",
    "ja": "はい。東京の人口は1400万人です。元気ですか？5%と$20と#1。",
    "ko": "안녕하세요. 2024년에 50% 올랐습니다. 가격은 $20 & 3.5입니다!",
    "nl": "Dhr. Jansen en Mevr. de Vries zien Dr. Bos & jhr. Six. Dat is € 20,15, 14% van #1.",
    "pl": "P. Kowalski i m. Nowak oraz dr. Zych & św. Jan mają 14% za 20,15 zł i $5. Plan P.",
    "pt": "A Sra. Costa e o Dr. Silva & Co. pagam R$ 20,15 ou £5. No 1º dia, 14% a 36,6°!",
    "ru": "Г-н Иванов и г-жа Петрова купили 3,5 кг за $20 (14%). Д-р Смирнов & Ко, №5, 36,6°!",  # noqa: RUF001
    "tr": "İstanbul'da 5 kedi ve %14 IŞIK var. B. Yılmaz & Dr. Ayşe, Byk. Ada, 20 $. Plan B.",  # noqa: RUF001
    "zh": "你好，价格是3.5元。今天是2026年3月5日，P2P平台涨了5%！it's B2B-好吗？£20 & #1。",
}  # fmt: skip
"""By language, with everything in it that the library would say in its own way."""


def words_of(text: str, sentences: list[PreparedSentence]) -> list[tuple[str, str]]:
    """What is said, and what was written for it."""
    return [
        (
            sentence.text[word.start : word.end],
            text[word.text_offset : word.text_offset + word.text_length],
        )
        for sentence in sentences
        for word in sentence.words
    ]


def check(text: str, language: str) -> list[PreparedSentence]:
    """Everything that holds for every text."""
    sentences = prepare(text, language)
    written = 0
    covered: set[int] = set()
    for sentence in sentences:
        assert len(sentence.text) <= LIMITS[language].characters
        assert text_cost(sentence.text, language) + 2 < MAX_TEXT_TOKENS
        assert sentence.text == " ".join(sentence.text.split())
        assert sentence.words
        for character in sentence.text:
            category = unicodedata.category(character)
            assert category[0] in "LMPZ", (character, category)
            assert character not in '"&@%#$£°()'
        said = 0
        for word in sentence.words:
            assert said <= word.start < word.end <= len(sentence.text)
            assert sentence.text[word.start].isalnum()
            said = word.end
            assert written <= word.text_offset
            assert word.text_length > 0
            written = word.text_offset + word.text_length
            covered.update(range(word.text_offset, written))
    assert written <= len(text)
    if sentences:
        for run in re.finditer(r"\w+", text):
            assert covered.issuperset(range(*run.span())), run.group()
    return sentences


class TestAnyText:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_corpus(self, language: str) -> None:
        assert check(CORPUS[language], language)

    @settings(max_examples=300, deadline=None)
    @given(text=st.text(max_size=200), language=st.sampled_from(LANGUAGES))
    @example(text="P二P", language="zh")
    @example(text="&#9312; &#190; ①½Ⅻ㊿𝟘", language="en")
    @example(text="a\u0301\u0301.\u0301 İ ﷺ", language="cs")
    @example(text="1" * 1200, language="ar")
    @example(text="İ" * 600, language="en")
    @example(text="ก" * 600, language="en")
    @example(text="漢" * 600, language="ja")
    @example(text="a" * 4100 + " b", language="zh")
    def test_whatever_it_is(self, text: str, language: str) -> None:
        check(text, language)

    @settings(max_examples=200, deadline=None)
    @given(data=st.data(), language=st.sampled_from(LANGUAGES))
    def test_parts_of_sentences_in_any_order(self, data: st.DataObject, language: str) -> None:
        parts = [*re.findall(r"\w+|\W+", CORPUS[language]), "\n", "\n- ", "😀", '"', "1.", "e.g."]
        text = "".join(data.draw(st.lists(st.sampled_from(parts), max_size=80)))
        check(text, language)

    @pytest.mark.parametrize("text", ["", "  ", "\n\t", "...", " - ", "😀", "()", "—", "\x00\x1b"])
    @pytest.mark.parametrize("language", ["en", "zh", "hi", "ru"])
    def test_nothing_to_say(self, text: str, language: str) -> None:
        assert prepare(text, language) == []


class TestWording:
    @pytest.mark.parametrize(
        ("language", "text", "said"),
        [
            ("en", "Mr. Fox has $5.", "Mister Fox has five dollars."),
            ("en", "It was (in the end) good.", "It was, in the end, good."),
            ("en", "Ask Ford & Co. about it.", "Ask Ford and Company about it."),
            ("en", "Wow!!! 😀 Really?!", "Wow! Really?!"),
            ("tr", "IŞIK İYİ.", "ıŞıK iYi."),  # noqa: RUF001
            ("tr", "Bu da benim Plan B.", "Bu da benim Plan B ."),
            ("ru", "Г-н Иванов купил 20%.", "господин Иванов купил двадцать процентов."),
            ("ja", "東京は1400万人です。", "東京は千四百万人です。"),
            ("zh", "价格是3.5元。", "价格是三点五元,"),
            ("hi", "मैं 5 किलो हूँ।", "मैं पाँच किलो हूँ।"),
        ],
    )  # fmt: skip
    def test_what_is_said(self, language: str, text: str, said: str) -> None:
        assert [sentence.text for sentence in prepare(text, language)] == [said]

    def test_words_know_where_they_were_written(self) -> None:
        text = "«Naïve» cafés (in 2024) sold 1,250 rolls - [more](http://a.org/x)!"
        assert words_of(text, prepare(text, "en")) == [
            ("Naïve", "Naïve"),
            ("cafés", "cafés"),
            ("in", "in"),
            ("twenty twenty-four", "2024"),
            ("sold", "sold"),
            ("one thousand two hundred fifty", "1,250"),
            ("rolls", "rolls"),
            ("more", "more](http://a.org/x"),
        ]

    def test_some_characters_are_a_word_where_there_are_no_blanks(self) -> None:
        text = "你好，价格是3.5元。"
        assert [written for _, written in words_of(text, prepare(text, "zh"))] == [
            "你", "好", "价格是", "3.5", "元",
        ]  # fmt: skip


class TestLength:
    def test_each_sentence_for_itself(self) -> None:
        text = "The first sentence is here. Dr. No said so! Is the third one here, too?"
        assert [sentence.text for sentence in prepare(text, "en")] == [
            "The first sentence is here.",
            "Doctor No said so!",
            "Is the third one here, too?",
        ]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("Yes. That is a long enough sentence.", ["Yes. That is a long enough sentence."]),
            ("That is a long enough sentence. Yes.", ["That is a long enough sentence. Yes."]),
            ("OK. No. Hm.", ["OK. No. Hm."]),
            ("OK.", ["OK."]),
        ],
    )
    def test_very_short_ones_are_joined(self, text: str, said: list[str]) -> None:
        assert [sentence.text for sentence in prepare(text, "en")] == said

    def test_a_short_one_stays_alone_where_there_is_no_room(self) -> None:
        long = "Word" + " word" * 47 + " words."
        assert [sentence.text for sentence in prepare(f"Yes. {long}", "en")] == ["Yes.", long]

    @pytest.mark.parametrize(
        ("middle", "end"), [(", then ", ","), (" and then ", " word,"), (" then ", ",")]
    )
    def test_long_ones_are_cut_where_it_hurts_least(self, middle: str, end: str) -> None:
        text = " ".join(["word"] * 30) + middle + " ".join(["word"] * 30) + "."
        first, second = prepare(text, "en")
        assert first.text.endswith(end)
        assert abs(len(first.text) - len(second.text)) < 40
        if middle == " and then ":
            assert second.text.startswith("and then")

    def test_a_list_is_sentences(self) -> None:
        text = "Things to buy:\n- Two bottles of milk\n- A loaf of bread\n"
        assert [sentence.text for sentence in prepare(text, "en")] == [
            "Things to buy:",
            "Two bottles of milk.",
            "A loaf of bread.",
        ]

    def test_the_cutter_of_replies_has_the_same_limits(self) -> None:
        assert {language: limit.characters for language, limit in LIMITS.items()} == PIECE_MAX


class TestArguments:
    def test_an_unknown_language_names_some_that_work(self) -> None:
        with pytest.raises(SynthesisError, match=r"xx-yy.*some languages that work: ar, cs"):
            prepare("hello", "xx-yy")

    @pytest.mark.parametrize("tag", ["en-US", "EN", "en_gb"])
    def test_tags_with_a_country(self, tag: str) -> None:
        assert prepare("Hello, everybody.", tag)[0].text == "Hello, everybody."


class TestLibrary:
    """After `prepare` the library's own tokenizer has nothing left to change."""

    @staticmethod
    def check(text: str, language: str) -> None:
        tokenizer = pytest.importorskip("TTS.tts.layers.xtts.tokenizer")
        for sentence in prepare(text, language):
            cleaned = tokenizer.multilingual_cleaners(sentence.text, language)
            assert cleaned == sentence.text.lower()

    @pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "ja"])
    def test_corpus(self, language: str) -> None:
        self.check(CORPUS[language], language)

    @settings(max_examples=200, deadline=None)
    @given(data=st.data(), language=st.sampled_from([code for code in LANGUAGES if code != "ja"]))
    def test_parts_of_sentences_in_any_order(self, data: st.DataObject, language: str) -> None:
        pytest.importorskip("TTS.tts.layers.xtts.tokenizer")
        parts = [*re.findall(r"\w+|\W+", CORPUS[language]), "\n", "\n- ", "😀", '"', "1.", "二"]
        self.check("".join(data.draw(st.lists(st.sampled_from(parts), max_size=40))), language)

    @settings(max_examples=200, deadline=None)
    @given(text=st.text(max_size=60), language=st.sampled_from([c for c in LANGUAGES if c != "ja"]))
    def test_any_text(self, text: str, language: str) -> None:
        pytest.importorskip("TTS.tts.layers.xtts.tokenizer")
        self.check(text, language)
