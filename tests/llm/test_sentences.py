"""Pieces of a reply: where it is cut, and what each deltas' worth of text gives."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamkit.llm.sentences import PIECE_MAX, Piece, PieceCutter
from streamkit.tts.espeak import EspeakSynthesizer

LANGUAGES = ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "zh", "ja", "hi", "ar", "ru", None]

FRAGMENTS = (
    "Hello world the No. Dr. U.S. z.B. e.g. 3.14 1,250 $5.20 km 3:45 pm 1st B. I 1990s "
    "** * _ ` ~~ ( ) [ ] { } < > \" “ ” ' ’ « » ¿ ! ? ... … . , ; : — – - & @ # + = ~ → | \\ $ "
    "。 ， ！ 「 」 你好 世界 です नमस्ते है । مرحبا ؟ "
    "สวัสดี é e\u0301 😀 👨‍👩‍👧 👍🏽 \u200b \u200d \ud800 \x00 "
    "[a](http://b.c/d) ![e](f) <br> <b> &amp; https://a.org/b?c=d a@b.org snake_case [^1] "
    "\n \n\n \n```py\n \n```\n ``` ~~~\n \n- \n1. \n# \n> \n|a|b|\n|-|-|\n " + "x" * 300
).split(" ")
WORDS = ["it's", "1,250", "Dr.", "5 km", "**so**", "a_b", "3–5", "$2", "x"]
TEXTS = st.lists(st.sampled_from([*FRAGMENTS, " ", " ", " ", " "]), max_size=80).map("".join)


def cut(text: str, language: str | None = "en", **lengths: int) -> list[Piece]:
    """All pieces of a text."""
    cutter = PieceCutter(language, **lengths)
    return [*cutter.feed(text), *cutter.finish()]


def written(text: str, language: str | None = "en", **lengths: int) -> list[str]:
    """What was written for each piece."""
    return [piece.written for piece in cut(text, language, **lengths)]


def sentences(text: str, language: str | None = "en") -> list[str]:
    """The sentences of a text, each a piece; the first piece, which ends at clauses, left out."""
    first, *others = written(f"Here it begins.\n\n{text}", language, later_min=1)
    assert first == "Here it begins.\n\n"
    return [sentence.strip() for sentence in others]


class TestFirstPiece:
    @pytest.mark.parametrize(
        ("text", "first"),
        [
            ("Well, I think that it is fine.", "Well, I think that it is fine."),
            ("Of course, I can do that.", "Of course, "),
            ("Sure! Here it is, as you wished.", "Sure! Here it is, "),
            ("That is it: a dog.", "That is it: "),
            ("A long way — it was.", "A long way — "),
            ("I paid 1,250 dollars for it.", "I paid 1,250 dollars for it."),
            ("# Title here\n\nText", "# Title here\n\n"),
            ("See [this, or that, or more](http://a.org) first, then go.",
             "See [this, or that, or more](http://a.org) first, "),
        ],
    )  # fmt: skip
    def test_is_the_first_clause_that_is_long_enough(self, text: str, first: str) -> None:
        assert written(text)[0] == first

    def test_ends_after_a_word_when_there_is_no_clause(self) -> None:
        text = "one two three four five six seven eight nine ten eleven twelve thirteen"
        assert written(text, first_max=30)[0] == "one two three four five six "

    def test_does_not_end_behind_a_number_or_an_abbreviation(self) -> None:
        text = "the whole of the long way was 250 km for all of us and them and more"
        assert written(text, first_max=34)[0] == "the whole of the long way was "

    def test_is_short_for_dense_scripts(self) -> None:
        assert written("好的，我来帮你。你想去哪里？", "zh")[0] == "好的，我来帮你。"

    def test_comes_with_the_first_letter_after_it(self) -> None:
        cutter = PieceCutter("en")
        assert cutter.feed("Of course, ") == []
        assert [piece.spoken for piece in cutter.feed("I")] == ["Of course,"]


class TestLaterPieces:
    def test_are_whole_sentences_and_short_ones_are_joined(self) -> None:
        text = "That is a good idea. " + "I like it. " * 12
        assert written(text) == [
            "That is a good idea. ",
            "I like it. " * 3,
            "I like it. " * 8,
            "I like it. ",
        ]

    def test_a_short_sentence_does_not_drag_a_long_one_along(self) -> None:
        long = "So " + "word " * 48 + "end. "
        text = "That is it. Here are some more words than thirty. Hm. " + long + "More."
        assert written(text)[2:4] == ["Hm. ", long]

    def test_too_long_a_sentence_is_cut_at_a_clause(self) -> None:
        clause = "So " + "word " * 20 + "here, "
        assert written("That is all. " + clause + "word " * 30 + "end.")[1] == clause

    @pytest.mark.parametrize("language", PIECE_MAX)
    def test_never_exceed_what_the_language_allows(self, language: str) -> None:
        text = "1,250,000 word, " * 40 + "好" * 300 + " a" * 300
        pieces = cut(text, language)
        assert max(len(piece.spoken) for piece in pieces) <= PIECE_MAX[language]
        assert "".join(piece.written for piece in pieces) == text

    def test_numbers_are_counted_as_they_are_said(self) -> None:
        assert all(len(piece.spoken) <= 60 for piece in cut("123,456 " * 30, piece_max=60))

    def test_a_word_without_end_is_cut_but_no_character_is(self) -> None:
        text = "e\u0301" * 700
        pieces = cut(text, "fr")
        assert len(pieces) > 2
        assert "".join(piece.written for piece in pieces) == text
        assert all(piece.written.startswith("e") for piece in pieces)


class TestSentenceEnds:
    @pytest.mark.parametrize(
        ("language", "text"),
        [
            ("en", "He is here.|She left.|\"Yes!\"|He did.|(Really?)|Well... no.|Hm… then."),
            ("en", "Dr. Smith paid $3.14 for No. 5 in the U.S. market.|He is J. R. Jones."),
            ("en", "I live in the U.S.|They don't.|It was 5 p.m.|He slept.|Is it e.g. Monday?"),
            ("en", "The answer is no.|I am sure.|See a.org/b.c for it.|Next one."),
            ("en", "He paid 5.|The rest was free.|It is 1984.|We know."),
            ("en", "\"What?\" she said.|'No.'|So be it!!|Why?!|Oh."),
            ("en", "**It is bold.**|*So is this.*|`A. B` is code.|[A. B](http://c.d) too."),
            ("de", "Das ist z. B. gut.|Und z.B. das.|Am 3. Mai kam er.|Im 2. Stock.|Ja."),
            ("de", "Kapitel 5.|Dann kam Dr. Meier usw. zu Nr. 7.|Es war 1984.|Gut."),
            ("fr", "M. Petit est là.|C'est p. ex. ici.|« Oui ! »|Bien."),
            ("es", "Muy bien.|¿Qué tal?|¡Hola!|El Sr. Gil vive en EE. UU. también."),
            ("it", "Il sig. Rossi arriva.|Va bene.|Sì!"),
            ("pt", "O Sr. Silva chegou.|Tudo bem?"),
            ("nl", "Dat is bijv. goed.|Dhr. Bos is er."),
            ("pl", "To jest np. dom.|Prof. Nowak przyszedł."),
            ("zh", "你好！|我很好。|价格是3.5元。|是吗？|“好。”|走吧。"),
            ("ja", "はい。|元気ですか？|「うん。」|行こう！"),
            ("hi", "नमस्ते।|आप कैसे हैं?|मैं ठीक हूँ।"),
            ("ar", "مرحبا.|كيف حالك؟|أنا بخير."),
            ("ru", "Да.|Это т. е. так.|Хорошо!"),  # noqa: RUF001
            (None, "It is.|He did."),
        ],
    )  # fmt: skip
    def test_are_told_from_other_full_stops(self, language: str | None, text: str) -> None:
        expected = text.split("|")
        joint = "" if language in ("zh", "ja") else " "
        assert sentences(joint.join(expected), language) == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("A title\n\nand text", ["A title", "and text"]),
            ("Roses are red\nViolets are blue", ["Roses are red", "Violets are blue"]),
            ("a line that\ngoes on", ["a line that\ngoes on"]),
            ("List:\n- one\n- two\n1. three", ["List:", "- one", "- two", "1. three"]),
            ("|a|\n|-|\n|b|\nText", ["|a|\n|-|", "|b|", "Text"]),
        ],
    )
    def test_lines_end_sentences_unless_they_go_on(self, text: str, expected: list[str]) -> None:
        assert sentences(text) == expected

    def test_an_end_is_believed_as_soon_as_the_next_sentence_begins(self) -> None:
        cutter = PieceCutter("en")
        assert cutter.feed("This is the end. ") == []
        assert [piece.written for piece in cutter.feed("“T")] == ["This is the end. "]

    def test_behind_a_possible_abbreviation_it_waits_for_the_next_word(self) -> None:
        cutter = PieceCutter("en")
        assert cutter.feed("He lives in the U.S. T") == []
        assert [piece.written for piece in cutter.feed("hey ")] == ["He lives in the U.S. "]


class TestCode:
    def test_a_block_is_announced_once_and_left_out(self) -> None:
        text = "Here it is:\n\n```python\nx = 1  # One. Two.\n\n# Three\n```\n\nRun it. Now."
        pieces = cut(text)
        assert [piece.spoken for piece in pieces] == ["Here it is: Code.", "Run it. Now."]
        assert pieces[0].written == "Here it is:\n\n```python\n"

    def test_the_notice_does_not_wait_for_the_code(self) -> None:
        cutter = PieceCutter("de")
        assert cutter.feed("So geht das:\n```") == []
        assert [piece.spoken for piece in cutter.feed("\n")] == ["So geht das: Code."]
        assert cutter.feed("a. B! C?\n" * 50) == []

    @pytest.mark.parametrize(
        ("text", "spoken"),
        [
            ("Look here: ```js\na. B\n```\nDone now.", "Look here: Code. Done now."),
            ("- One thing:\n  ~~~\n  a\n  ```\n  ~~~\n- Two.", "One thing: Code. Two."),
            ("````\na\n```\nb\n````\nEnd.", "Code. End."),
            ("> ```\n> a\n> ```\n> End.", "Code. End."),
            ("Use ```this``` here.\nAnd that.", "Use this here. And that."),
            ("It never ends:\n```\na. B\n", "It never ends: Code."),
            ("```\na\n```\n```\nb\n```", "Code. Code."),
        ],
    )
    def test_blocks_in_many_shapes(self, text: str, spoken: str) -> None:
        pieces = cut(text)
        assert " ".join(filter(None, (piece.spoken for piece in pieces))) == spoken
        assert "".join(piece.written for piece in pieces) == text

    def test_without_a_word_for_it_a_block_is_silent(self) -> None:
        assert [piece.spoken for piece in cut("Voilà tout\n```\na\n```\nOui", "sv")] == [
            "Voilà tout.",
            "Oui",
        ]


class TestMarkupOverDeltas:
    @pytest.mark.parametrize(
        ("deltas", "spoken"),
        [
            (["**bo", "ld** te", "xt"], "bold text"),
            (["a *", "b*"], "a b"),
            (["see [th", "is](htt", "p://a.o", "rg/b) now"], "see this now"),
            (["|a", "|b|\n|-", "-|-|\n|c|d", "|\n"], "a, b. c, d."),
            (["snake_", "case"], "snake case"),
            (["$5", ".2", "0"], "five dollars and twenty cents"),
            (["<", "b>x</", "b>"], "x"),
        ],
    )
    def test_is_taken_as_a_whole(self, deltas: list[str], spoken: str) -> None:
        cutter = PieceCutter("en")
        pieces = [piece for delta in deltas for piece in cutter.feed(delta)]
        pieces += cutter.finish()
        assert " ".join(piece.spoken for piece in pieces) == spoken


class TestSilence:
    @pytest.mark.parametrize("text", ["😀🎉", "!?… ---", " \n\n", "***\n\n***", "\ud800\x00\u200b"])
    def test_a_reply_without_words_is_one_silent_piece(self, text: str) -> None:
        assert cut(text) == [Piece(text, "")]
        assert cut(text)[0].written_until(0) == len(text)

    def test_nothing_gives_nothing(self) -> None:
        assert cut("") == []
        cutter = PieceCutter("en")
        assert cutter.feed("") == cutter.finish() == cutter.finish() == []

    def test_what_is_silent_belongs_to_a_neighbour(self) -> None:
        pieces = cut("---\n\nThat is all there is.\n\n---\n\nThat was it, I think. 🎉\n***")
        assert [piece.written for piece in pieces] == [
            "---\n\nThat is all there is.\n\n---\n\n",
            "That was it, I think. 🎉\n***",
        ]
        assert pieces[0].written_until(4) == len("---\n\nThat")

    def test_ten_thousand_silent_characters_are_no_trouble(self) -> None:
        for text in ("!" * 10_000, "* " * 5_000, "\n" * 10_000, "😀" * 10_000):
            assert written(text) == [text]


class TestWrittenUntil:
    def test_follows_the_words(self) -> None:
        piece = cut("**Dr. Ito** paid 1,250 € (all).")[0]
        assert piece.spoken == "Doctor Ito paid one thousand two hundred fifty euros (all)."
        heard = {
            word: piece.written[: piece.written_until(piece.spoken.index(word) + len(word))]
            for word in ("Doctor", "Ito", "paid", "thousand", "fifty", "euros", "all")
        }
        assert heard == {
            "Doctor": "**Dr.",
            "Ito": "**Dr. Ito**",
            "paid": "**Dr. Ito** paid",
            "thousand": "**Dr. Ito** paid",
            "fifty": "**Dr. Ito** paid",
            "euros": "**Dr. Ito** paid 1,250 €",
            "all": piece.written,
        }

    def test_begins_at_nothing_and_ends_with_all(self) -> None:
        piece = cut("😀 Hi you! \n")[0]
        assert piece.written_until(0) == piece.written_until(1) == 0
        assert piece.written_until(2) == len("😀 Hi")
        assert piece.written_until(len(piece.spoken)) == len(piece.written)
        assert piece.written_until(10**6) == len(piece.written)

    def test_works_for_a_piece_that_somebody_made(self) -> None:
        piece = Piece("Well, yes.", "Well, yes.")
        assert [piece.written_until(offset) for offset in (0, 5, 10)] == [0, 0, 10]


class TestLengths:
    @pytest.mark.parametrize(
        "lengths",
        [{"piece_max": 39}, {"first_min": 0}, {"first_min": 90, "first_max": 80},
         {"first_max": 300}, {"piece_max": 50, "first_max": 60}, {"later_min": 0},
         {"later_min": 251}],
    )  # fmt: skip
    def test_that_contradict_each_other_are_refused(self, lengths: dict[str, int]) -> None:
        with pytest.raises(
            ValueError, match=r"must go up, from 1|must lie from 1 to piece_max, 250"
        ):
            PieceCutter("en", **lengths)

    def test_a_tag_has_the_limit_of_its_language(self) -> None:
        for tag in ("zh-CN", "zh_TW", "ZH"):
            assert written("好的，我来帮你。你想去哪里？", tag)[0] == "好的，我来帮你。"


class TestAnyText:
    @settings(max_examples=300)
    @given(data=st.data(), text=TEXTS | st.text(max_size=80), language=st.sampled_from(LANGUAGES))
    @example(data=None, text="1. ```py\nx\n```\n" * 3, language="en")
    @example(data=None, text="用Python写。abc好" * 30, language="zh")
    def test_the_deltas_do_not_matter(
        self, data: st.DataObject | None, text: str, language: str | None
    ) -> None:
        cutter = PieceCutter(language)
        pieces = []
        at = 0
        while at < len(text):
            step = data.draw(st.integers(1, 12)) if data else 1
            pieces += cutter.feed(text[at : at + step])
            at += step
        assert pieces + cutter.finish() == cut(text, language)

    @settings(max_examples=300)
    @given(
        text=TEXTS | st.text(max_size=80),
        language=st.sampled_from(LANGUAGES),
        piece_max=st.sampled_from([40, 90, 250]),
    )
    def test_nothing_is_lost_and_every_promise_is_kept(
        self, text: str, language: str | None, piece_max: int
    ) -> None:
        pieces = cut(text, language, piece_max=piece_max)
        assert "".join(piece.written for piece in pieces) == text
        for piece in pieces[:-1]:
            assert piece.spoken
        for piece in pieces:
            assert piece.written
            assert len(piece.spoken) <= piece_max
            assert piece.spoken == " ".join(piece.spoken.split())
            until = [piece.written_until(offset) for offset in range(len(piece.spoken) + 2)]
            assert until == sorted(until)
            assert until[0] == (0 if piece.spoken else len(piece.written))
            assert until[-1] == until[-2] == len(piece.written)

    @given(words=st.lists(st.sampled_from(WORDS), max_size=40))
    def test_no_word_is_heard_by_half(self, words: list[str]) -> None:
        for piece in cut(" ".join(words)):
            ends = {0, len(piece.written)}
            ends |= {at for at, character in enumerate(piece.written) if character == " "}
            for offset in range(len(piece.spoken) + 1):
                assert piece.written_until(offset) in ends


class TestSpoken:
    @pytest.mark.parametrize(
        ("language", "voice", "text"),
        [
            ("en", "en-us", "**Dr. Ito** paid $1,250.50 (e.g. 5 km) on 2026-11-21; snake_case! "
                            "See [the page](https://a.org/x) & go — it's 3–5 °C."),
            ("de", "de", "Am 3. Mai kostete es 1.250,50 €, z. B. 3–5 km. `Gut`!"),
            ("fr", "fr-fr", "Il paie 1 250,50 €, c.-à-d. 5 km. « Bien ! »"),
            ("pl", "pl", "Np. 5 km i 3 maja 2026 r."),
            ("zh", "cmn", "你好，价格是3.5元。好吗？"),
            ("hi", "hi", "नमस्ते, मैं 5 किलो हूँ।"),
        ],
    )  # fmt: skip
    def test_marks_of_a_real_voice_lead_back_to_what_was_written(
        self, language: str, voice: str, text: str
    ) -> None:
        synthesizer = EspeakSynthesizer()
        for piece in cut(text, language):
            marks = [
                mark
                for sound in synthesizer.synthesize(piece.spoken, voice=voice)
                for mark in sound.marks
            ]
            until = [piece.written_until(mark.text_offset + mark.text_length) for mark in marks]
            assert until == sorted(until)
            assert piece.written[until[-1] :].strip() == ""
            starts = [piece.written_until(mark.text_offset) for mark in marks]
            assert starts == sorted(starts)
            assert starts[0] == 0
