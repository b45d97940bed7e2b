"""What a stretch of a reply is when it is said."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamkit.wording.lookup import LANGUAGES, find_vocabulary
from streamkit.wording.ordinals import roman
from streamkit.wording.speakable import join, read, speakable, stops
from streamkit.wording.spelling import load_speller


def cases(text: str) -> list[tuple[str, str]]:
    """Lines of ``written -> said``."""
    pairs = (line.partition(" ->") for line in map(str.strip, text.splitlines()) if line)
    return [(written, said.strip()) for written, _, said in pairs]


class TestMarkdown:
    @pytest.mark.parametrize(
        ("written", "said"),
        cases(r"""
            **Bold** and *italic* and ***both*** -> Bold and italic and both
            __bold__ and _italic_ and ~~gone~~ -> bold and italic and gone
            un*frigging*believable -> unfriggingbelievable
            **un -> un
            closed** -> closed
            a lone * or _ here -> a lone or here
            snake_case_name and __init__ -> snake case name and init
            see [the page](https://a.org/b_c) now -> see the page now
            a [link](<x> "with title") and [another][1] -> a link and another
            ![a cat](cat.png) sleeps -> a cat sleeps
            `code_span` and ``a ` b`` -> code span and a b
            `<div>` in code -> div in code
            <b>bold</b> and <span class="x">more</span> -> bold and more
            one<br>two -> one. two
            AT&amp;T &lt;3 -> A T and T less than three
            \*stars\* -> stars
            as shown [1], [2, 3] and[^4] -> as shown one, two, three and
            stated.[12] Or【3†source】 -> stated. Or
            # Heading -> Heading
            ### Heading ### -> Heading
            > quoted -> quoted
            - [x] done -> done
            3. third -> three, third
            --- ->
            | a | b | -> a, b
            |---|:-:| ->
            <https://a.org> -> a dot org
        """),
    )
    def test_only_the_words_are_left(self, written: str, said: str) -> None:
        assert speakable(written, "en") == said

    def test_each_line_of_a_list_is_a_sentence(self) -> None:
        text = "# Cake\n\n- flour\n- **sugar**,\n* an egg!\n  - cold\n"
        assert speakable(text, "en") == "Cake. flour. sugar, an egg! cold."

    def test_rows_of_a_table_are_sentences(self) -> None:
        text = "| Name | Age |\n|:-----|----:|\n| Ann | 30 |\n|  | 4 |\n"
        assert speakable(text, "en") == "Name, Age. Ann, thirty. four."

    def test_a_line_in_lower_case_goes_on_with_the_one_before(self) -> None:
        assert speakable("The first line\nand the second", "en") == "The first line and the second"

    def test_marks_of_lists_count_only_where_a_line_begins(self) -> None:
        assert join(read("- 5", "en", line_start=True)) == "five"
        assert join(read("# one", None, line_start=False)) == "one"
        assert join(read("1. one", None, line_start=False)) == "1. one"

    def test_a_reference_is_silent(self) -> None:
        assert speakable("See it.\n[1]: https://a.org 'title'\n", "en") == "See it."
        assert speakable("[Note]: this counts", "en") == "Note: this counts"


class TestWithoutWords:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            " \n",
            "***",
            "---\n",
            "!?…",
            "😀🎉",
            "👨‍👩‍👧 ❤️",
            "\u200b\u200e",
            "\ud83d",
            "\x00\x07",
            "（）。",  # noqa: RUF001
        ],
    )
    def test_says_nothing(self, text: str) -> None:
        assert read(text, "en") == []

    @pytest.mark.parametrize("language", ["en", "fi", None])
    def test_pictures_and_invisible_characters_go(self, language: str | None) -> None:
        text = "Well\u200b do\u00adne 👍🏽, my\ud800 friend 🇫🇷!\ufeff\x00"
        assert speakable(text, language) == "Well done, my friend!"

    def test_joiners_stay_in_the_words_of_scripts_that_have_them(self) -> None:
        assert speakable("می\u200cخواهم", "fa") == "می\u200cخواهم"  # noqa: RUF001
        assert speakable("a\u200cb", "en") == "ab"


class TestEnglish:
    @pytest.mark.parametrize(
        ("written", "said"),
        cases(
            """
            0 and 007 and 1,250 -> zero and zero zero seven and one thousand two hundred fifty
            3.14 and .5 -> three point one four and point five
            -5 and 5-3 -> minus five and five to three
            10 - 3 = 7 -> ten minus three equals seven
            $5.20 -> five dollars and twenty cents
            $1 or £0.99 -> one dollar or ninety-nine pence
            €1.5bn and $2 million -> one point five billion euros and two million dollars
            5,20 € -> five euros and twenty cents
            $9/month -> nine dollars per month
            12% and 0.5 % -> twelve percent and zero point five percent
            3–5 km at 20°C -> three to five kilometers at twenty degrees Celsius
            1 kg and 2kg -> one kilogram and two kilograms
            90 km/h -> ninety kilometers per hour
            it is in km/h -> it is in kilometers per hour
            3x faster -> three times faster
            1920x1080 -> one thousand nine hundred twenty by one thousand eighty
            1/2 cup, 3/4 l -> one half cup, three quarters liter
            2½ and 1 1/2 -> two and one half and one and one half
            24/7 and 50/50 -> twenty-four seven and fifty fifty
            the 1st, 22nd and 103rd -> the first, twenty-second and one hundred third
            In 1984 and 2005 -> In nineteen eighty-four and two thousand five
            1914–18 -> nineteen fourteen to eighteen
            the 1990s and the '60s -> the nineteen nineties and the sixties
            for 30s -> for thirty seconds
            2026-11-21 -> November twenty-first, twenty twenty-six
            11/21/2026 -> November twenty-first, twenty twenty-six
            21/11/2026 -> November twenty-first, twenty twenty-six
            2026-13-45 -> two zero two six, one three, four five
            Nov. 24th and May 5 -> November twenty-fourth and May fifth
            3:45 pm -> three forty-five P M
            at 9:05 a.m. or 10 AM -> at nine oh five A M or ten A M
            15:30 and 9:00 -> fifteen thirty and nine o'clock
            16:9 -> sixteen to nine
            +1 (555) 123-4567 -> plus one, five five five, one two three, four five six seven
            1-800-555-0199 -> one, eight zero zero, five five five, zero one nine nine
            12345678901 -> one two three four five six seven eight nine zero one
            3.11.7 and v2.0 -> three point eleven point seven and v two point zero
            192.168.0.1 -> one hundred ninety-two dot one hundred sixty-eight dot zero dot one
            #1 and No. 5 and C# -> number one and number five and C sharp
            GPT-4, COVID-19, A4 and H2O -> GPT-four, COVID-nineteen, A four and H two O
            Henry VIII and World War II -> Henry the eighth and World War two
            Part IV, CV, XL and I -> Part four, CV, XL and I
            E = mc² and x^10 -> E equals mc squared and x to the power of ten
            2*3, 2 * 3 and 2**3 -> two times three, two times three and two cubed
            3 < 5 and a<b -> three less than five and a b
            A → B & ~5 -> A to B and about five
            5'10" -> five foot ten
        """.strip()
        ),
    )
    def test_numbers_and_signs(self, written: str, said: str) -> None:
        assert speakable(written, "en") == said

    @pytest.mark.parametrize(
        ("written", "said"),
        cases("""
            e.g. this, i.e. that, etc. -> for example this, that is that, et cetera.
            Dr. Smith and Mrs. Jones -> Doctor Smith and Missus Jones
            St. Mary on Main St. -> Saint Mary on Main Street.
            in the U.S. market -> in the U S market
            J. R. R. Tolkien -> J R R Tolkien
            cats vs. dogs -> cats versus dogs
            I met Max. -> I met Max.
            AT&T, R&B and C++ -> A T and T, R and B and C plus plus
            and/or -> and or
            https://www.example.org/docs?x=1#y. -> example dot org slash docs.
            www.my-site.co.uk/ -> my dash site dot co dot uk
            https://a.org/0123456789/0123456789/0123456789abc -> a dot org
            mail ann.b@c-d.org! -> mail ann dot b at c dash d dot org!
            main.py and Node.js -> main dot py and Node dot js
            It ended.Next one -> It ended. Next one
            “Quoted” — then so… -> Quoted, then so...
            it’s the dogs’ -> it's the dogs
        """),
    )
    def test_words(self, written: str, said: str) -> None:
        assert speakable(written, "en") == said

    def test_the_full_stop_of_an_abbreviation_may_be_the_sentences(self) -> None:
        assert speakable("Cats, dogs, etc. The end.", "en") == "Cats, dogs, et cetera. The end."
        assert speakable("He left the U.S. They stayed.", "en") == "He left the U S. They stayed."
        assert speakable("At 5 p.m. He left at 6 p.m. sharp.", "en") == (
            "At five P M. He left at six P M sharp."
        )

    def test_day_and_month_change_places_in_britain(self) -> None:
        said = "March second, twenty twenty-six"
        assert speakable("3/2/2026", "en-GB") == "February third, twenty twenty-six"
        assert speakable("3/2/2026", "en") == speakable("3/2/2026", "en-US") == said


class TestOtherLanguages:
    @pytest.mark.parametrize(
        ("language", "written", "said"),
        [
            ("de", "1.250,50 €", "eintausendzweihundertfünfzig Euro fünfzig"),
            ("de", "ca. 3,5 Mio. $", "circa drei Komma fünf Millionen Dollar"),
            ("de", "3. Oktober 1990", "dritter Oktober neunzehnhundertneunzig"),
            ("de", "z. B. 1 kg oder 1 Stunde", "zum Beispiel ein Kilogramm oder eine Stunde"),
            ("de", "Z.B. am 3. Mai", "Zum Beispiel am dritten Mai"),
            ("de", "der 2. Weltkrieg", "der zweite Weltkrieg"),
            ("de", "ein Buch (3. Auflage)", "ein Buch (dritte Auflage)"),
            ("de", "am 24.12.1984 um 15:30 Uhr",
             "am vierundzwanzigsten Dezember neunzehnhundertvierundachtzig um fünfzehn Uhr "
             "dreißig"),
            ("de", "1/2 l, 3/4", "ein halb Liter, drei Viertel"),
            ("de", "Ludwig XIV. war", "Ludwig der Vierzehnte war"),
            ("de", "3.14 und 3:1", "drei Komma eins vier und drei zu eins"),
            ("de", "a.b@c.de", "a Punkt b ät c Punkt de"),
            ("fr", "1 250,50 €", "mille deux cent cinquante euros cinquante"),
            ("fr", "3,14 et 3,05", "trois virgule quatorze et trois virgule zéro cinq"),
            ("fr", "3,5 M€, 2 M$", "trois virgule cinq millions d'euros, deux millions de dollars"),
            ("fr", "1 heure, 1 kg, 1,5 l", "une heure, un kilogramme, un virgule cinq litre"),
            ("fr", "le 1er mai, la 1re, le 2e", "le premier mai, la première, le deuxième"),
            ("fr", "à 15h30 ou 9:00", "à quinze heures trente ou neuf heures"),
            ("fr", "M. et Mme Petit, c.-à-d. eux", "M. et Madame Petit, c'est-à-dire eux"),
            ("fr", "au XXIe siècle, François Ier", "au vingt-et-unième siècle, François premier"),
            ("fr", "« Bien ! »", "Bien!"),
            ("es", "1.250,50 €", "mil doscientos cincuenta euros con cincuenta céntimos"),
            ("es", "21 libros, 200 personas", "veintiún libros, doscientas personas"),
            ("es", "1 día, 1 hora, página 1 para", "un día, una hora, página uno para"),
            ("es", "EE. UU., p. ej., el Sr. Gil", "Estados Unidos, por ejemplo, el señor Gil"),
            ("es", "siglo XXI, 1.º y 2.ª", "siglo veintiuno, primero y segunda"),
            ("es", "a las 3:45 p. m.", "a las tres y cuarenta y cinco de la tarde."),
            ("es-MX", "1,250.50", "mil doscientos cincuenta coma cincuenta"),
            ("it", "1.250,50 €, 1 ora", "milleduecentocinquanta euro e cinquanta, una ora"),
            ("it", "il sig. Rossi, ecc.", "il signor Rossi, eccetera."),
            ("it", "nel XX secolo, 2/3", "nel ventesimo secolo, due terzi"),
            ("pt", "R$ 5,20 e 2 horas", "cinco reais e vinte centavos e duas horas"),
            ("pt", "1/2/2026", "primeiro de fevereiro de dois mil e vinte e seis"),
            ("pt", "às 15:00", "às quinze horas"),
            ("nl", "€ 5,20, bijv. 3e", "vijf euro twintig, bijvoorbeeld derde"),
            ("nl", "21-11-1984", "eenentwintig november negentienvierentachtig"),
            ("pl", "5,20 zł, 2 h", "pięć złotych dwadzieścia groszy, dwie godziny"),
            ("pl", "1 km, 22 km", "jeden kilometr, dwadzieścia dwa kilometry"),
            ("pl", "3 maja 2026 r.", "trzeciego maja dwa tysiące dwadzieścia sześć roku."),
            ("pl", "np. o 15:30, 2/3", "na przykład o piętnasta trzydzieści, dwie trzecie"),
        ],
    )  # fmt: skip
    def test_languages_with_a_vocabulary(self, language: str, written: str, said: str) -> None:
        assert speakable(written, language) == said

    @pytest.mark.parametrize(
        ("language", "written", "said"),
        [
            ("zh", "有3.5元和12,000个", "有三点五元和一万二千个"),
            ("zh", "2026年", "二零二六年"),
            ("sv", "1 250 eller 3,14", "ettusen tvåhundrafemtio eller tre komma ett fyra"),
            ("ru", "21 & 3,14", "двадцать один и три запятая четырнадцать"),
            (
                "ru",
                "-5 стоит 20% от $30",
                "минус пять стоит двадцать процентов от тридцать долларов",
            ),
            ("tr", "%14 ve 3,5 + 2", "yüzde on dört ve üç virgül beş artı iki"),  # noqa: RUF001
            ("tr", "14% dolu", "yüzde on dört dolu"),
            ("zh", "涨了3.5%，£20", "涨了百分之三点五，二十英镑"),
            ("hu", "a & b, 100 °", "a és b, száz fok"),
            ("hi", "15", "पन्द्रह"),
            ("tlh", "5 & 3%", "5 & 3%"),
            (None, "$5 & 3%, see https://www.a.org/b?c", "$5 & 3%, see a.org/b"),
        ],
    )
    def test_other_languages_say_what_is_safe(
        self, language: str | None, written: str, said: str
    ) -> None:
        assert speakable(written, language) == said

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_every_vocabulary_is_whole(self, language: str) -> None:
        vocabulary, speller = find_vocabulary(f"{language}-XX"), load_speller(language)
        assert vocabulary
        assert speller
        assert vocabulary.language == language
        assert len(vocabulary.months) == 12
        assert vocabulary.code.endswith(".")
        for unit in vocabulary.units:
            for count in ("1", "2", "5", "22", "1.5"):
                number = count.replace(".", vocabulary.decimal)
                said = speakable(f"x {number} {unit} x", language)
                assert not any(map(str.isdigit, said))
                assert vocabulary.form(vocabulary.units[unit], count) in said
        for currency in vocabulary.currencies.values():
            assert len(currency.unit) in (1, 2, 3)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_every_number_has_words(self, language: str) -> None:
        speller = load_speller(language)
        assert speller
        said = [speller.integer(number) for number in (*range(120), 999, 10**6, 10**15 - 1)]
        assert len(set(said)) == len(said)
        assert all(said)


def test_roman_numbers_are_only_those_in_their_usual_spelling() -> None:
    values = [roman(text) for text in ("II", "IV", "XIV", "XXI", "IIII", "VX", "XXXX", "MIX")]
    assert values == [2, 4, 14, 21, None, None, None, None]


def test_a_number_of_any_length_can_be_said() -> None:
    for text in ("9" * 5000, "0." + "1" * 5000, "$" + "9" * 5000 + ".05", "1,250" * 900):
        assert speakable(text, "en")
        assert speakable(text, "sv")


class TestUnits:
    def test_every_unit_knows_where_it_stands(self) -> None:
        text = "**Dr. Ito** paid 1,250 €, z_z — see [it](http://a.org)."
        found = {unit.spoken: text[unit.start : unit.end] for unit in read(text, "en")}
        assert found == {
            "Doctor": "Dr.",
            "Ito": "Ito**",
            "paid": "paid",
            "one thousand two hundred fifty euros,": "1,250 €,",
            "z z,": "z_z —",
            "see": "see",
            "it.": "it](http://a.org).",
        }

    def test_scripts_without_blanks_have_a_unit_for_each_character(self) -> None:
        spoken = [unit.spoken for unit in read("你好，Python 3个！สวัสดี", "zh")]
        assert spoken[:6] == ["你", "好，", "Python", "三", "个！", "ส"]

    def test_a_unit_is_over_behind_its_last_letter(self) -> None:
        assert stops(read("Oh, 21!", "en"), 0) == ((2, 3), (14, 7))

    @given(
        text=st.text(max_size=60), language=st.sampled_from([*LANGUAGES, "zh", "hi", "ar", None])
    )
    @example(text="１２ Ⅷ ٣ ²x^²", language="en")  # noqa: RUF001
    @example(text="a\u0301\u200d\U0001f3fd", language="de")
    def test_any_text_gives_units_in_order(self, text: str, language: str | None) -> None:
        units = read(text, language)
        at = 0
        for unit in units:
            assert at <= unit.start < unit.end <= len(text)
            assert unit.spoken == " ".join(unit.spoken.split()) != ""
            at = unit.end
        said = join(units)
        assert said.encode().decode() == said
        assert not set(said) & set("*`_|#\\{}\x00\u200b")
