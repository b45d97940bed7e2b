"""Polish."""

from __future__ import annotations

from streamkit.wording.vocabulary import (
    Vocabulary,
    abbreviations,
    currencies,
    table,
    words,
)

VOCABULARY = Vocabulary(
    language="pl",
    decimal=",",
    blank_groups=True,
    fraction_as_number=True,
    point="przecinek",
    minus="minus",
    to="do",
    by="na",
    over="przez",
    per="na",
    number="numer",
    half_joint="i",
    dot="kropka",
    slash="ukośnik",
    hyphen="myślnik",
    at="małpa",
    code="Kod.",
    squared="do kwadratu",
    cubed="do sześcianu",
    power="do potęgi",
    clock=" ",
    clock_full="",
    cent_joint="",
    cent_named=True,
    scale_joint="",
    months=(
        "stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia",
        "września", "października", "listopada", "grudnia",
    ),
    symbols=words("""
        & | i
        + | plus
        =  == | równa się
        !=  ≠ | nie równa się
        *  ×  ⋅ | razy
        ÷ | podzielić przez
        < | mniejsze niż
        > | większe niż
        <=  ≤ | mniejsze lub równe
        >=  ≥ | większe lub równe
        ≈  ~ | około
        ± | plus minus
        ->  =>  →  ⇒  ➔  ⟶ | do
        @ | małpa
        √ | pierwiastek z
        π | pi
        ∞ | nieskończoność
        § | paragraf
        №  nº  n° | numer
    """),  # noqa: RUF001  # noqa: RUF001
    suffixes=words("""
        % | procent
        ‰ | promil
        ° | stopni
    """),
    units=table("""
        km | kilometr | kilometry | kilometrów
        m | metr | metry | metrów
        dm | decymetr | decymetry | decymetrów
        cm | centymetr | centymetry | centymetrów
        mm | milimetr | milimetry | milimetrów
        km² | kilometr kwadratowy | kilometry kwadratowe | kilometrów kwadratowych
        m² | metr kwadratowy | metry kwadratowe | metrów kwadratowych
        ha | hektar | hektary | hektarów
        m³ | metr sześcienny | metry sześcienne | metrów sześciennych
        l  L | litr | litry | litrów
        dl | decylitr | decylitry | decylitrów
        ml  mL | mililitr | mililitry | mililitrów
        kg | kilogram | kilogramy | kilogramów
        dag | dekagram | dekagramy | dekagramów
        g | gram | gramy | gramów
        mg | miligram | miligramy | miligramów
        t | tona | tony | ton
        °C  ℃ | stopień Celsjusza | stopnie Celsjusza | stopni Celsjusza
        °F  ℉ | stopień Fahrenheita | stopnie Fahrenheita | stopni Fahrenheita
        km/h | kilometr na godzinę | kilometry na godzinę | kilometrów na godzinę
        m/s | metr na sekundę | metry na sekundę | metrów na sekundę
        h  godz. | godzina | godziny | godzin
        min  min. | minuta | minuty | minut
        s  sek. | sekunda | sekundy | sekund
        ms | milisekunda | milisekundy | milisekund
        Hz | herc | herce | herców
        kHz | kiloherc | kiloherce | kiloherców
        MHz | megaherc | megaherce | megaherców
        GHz | gigaherc | gigaherce | gigaherców
        W | wat | waty | watów
        kW | kilowat | kilowaty | kilowatów
        MW | megawat | megawaty | megawatów
        kWh | kilowatogodzina | kilowatogodziny | kilowatogodzin
        V | wolt | wolty | woltów
        hPa | hektopaskal | hektopaskale | hektopaskali
        kB  KB | kilobajt | kilobajty | kilobajtów
        MB | megabajt | megabajty | megabajtów
        GB | gigabajt | gigabajty | gigabajtów
        TB | terabajt | terabajty | terabajtów
        Mbps  Mbit/s | megabit na sekundę | megabity na sekundę | megabitów na sekundę
        kcal | kilokaloria | kilokalorie | kilokalorii
        dB | decybel | decybele | decybeli
        px | piksel | piksele | pikseli
        x  × | razy
        tys. | tysiąc | tysiące | tysięcy
        mln | milion | miliony | milionów
        mld | miliard | miliardy | miliardów
    """),  # noqa: RUF001  # noqa: RUF001
    scales=table("""
        tys.  tysiąc  tysiące  tysięcy | tysiąc | tysiące | tysięcy
        mln  milion  miliony  milionów | milion | miliony | milionów
        mld  miliard  miliardy  miliardów | miliard | miliardy | miliardów
    """),
    currencies=currencies("""
        zł  PLN | złoty / złote / złotych | grosz / grosze / groszy
        €  EUR | euro | cent / centy / centów
        $  US$  USD | dolar / dolary / dolarów | cent / centy / centów
        £  GBP | funt / funty / funtów | pens / pensy / pensów
        ¥  JPY | jen / jeny / jenów
        CHF | frank szwajcarski / franki szwajcarskie / franków szwajcarskich
        ₿  BTC | bitcoin / bitcoiny / bitcoinów
    """),
    fractions={
        2: ("druga", "drugie", "drugich"),
        3: ("trzecia", "trzecie", "trzecich"),
        4: ("czwarta", "czwarte", "czwartych"),
        5: ("piąta", "piąte", "piątych"),
        6: ("szósta", "szóste", "szóstych"),
        7: ("siódma", "siódme", "siódmych"),
        8: ("ósma", "ósme", "ósmych"),
        9: ("dziewiąta", "dziewiąte", "dziewiątych"),
        10: ("dziesiąta", "dziesiąte", "dziesiątych"),
    },
    titles=words("""
        dr  dr. | doktor
        prof.  Prof. | profesor
        mgr | magister
        inż. | inżynier
        ks. | ksiądz
        św. | święty
        ul. | ulica
    """),
    abbreviations=abbreviations("""
        np. | na przykład
        itd. | i tak dalej
        itp. | i tym podobne
        tzn. | to znaczy
        tj. | to jest
        tzw. | tak zwany
        m.in.  m. in. | między innymi
        ok. | około
        wg | według
        ws. | w sprawie
        ds. | do spraw
        p.n.e. | przed naszą erą
        n.e. | naszej ery
        godz. | godzina
        maks. | maksymalnie
        min. | minimum
        tel. | telefon
        vs.  vs | kontra
        tys. | tysięcy
        mln | milionów
        mld | miliardów
        C++ | C plus plus
        C# | C sharp
        24/7 | dwadzieścia cztery siedem
    """),
    before_number=words("""
        nr  Nr | numer
        str.  s. | strona
        art. | artykuł
        rozdz. | rozdział
        rys. | rysunek
        pkt | punkt
    """),
    closing=frozenset({"itd.", "itp.", "p.n.e.", "n.e."}),
    feminine=("a",),
    not_abbreviated=frozenset({"ang", "prof", "lip", "pod", "pers", "no"}),
)  # fmt: skip
