"""Dutch."""

from __future__ import annotations

from streamkit.wording.vocabulary import (
    Vocabulary,
    abbreviations,
    currencies,
    table,
    words,
)

VOCABULARY = Vocabulary(
    language="nl",
    decimal=",",
    blank_groups=False,
    fraction_as_number=False,
    point="komma",
    minus="min",
    to="tot",
    by="bij",
    over="gedeeld door",
    per="per",
    number="nummer",
    half_joint="en",
    dot="punt",
    slash="schuine streep",
    hyphen="streepje",
    at="apenstaartje",
    code="Code.",
    squared="kwadraat",
    cubed="tot de derde",
    power="tot de macht",
    clock=" uur ",
    clock_full="uur",
    cent_joint="",
    cent_named=False,
    scale_joint="",
    months=(
        "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
        "oktober", "november", "december",
    ),
    symbols=words("""
        & | en
        + | plus
        =  == | is gelijk aan
        !=  ≠ | is niet gelijk aan
        *  ×  ⋅ | keer
        ÷ | gedeeld door
        < | kleiner dan
        > | groter dan
        <=  ≤ | kleiner dan of gelijk aan
        >=  ≥ | groter dan of gelijk aan
        ≈  ~ | ongeveer
        ± | plus of min
        ->  =>  →  ⇒  ➔  ⟶ | naar
        @ | apenstaartje
        √ | wortel van
        π | pi
        ∞ | oneindig
        § | paragraaf
        №  nº  n° | nummer
    """),  # noqa: RUF001  # noqa: RUF001
    suffixes=words("""
        % | procent
        ‰ | promille
        ° | graden
    """),
    units=table("""
        km | kilometer
        m | meter
        dm | decimeter
        cm | centimeter
        mm | millimeter
        µm  μm | micrometer
        nm | nanometer
        km² | vierkante kilometer
        m² | vierkante meter
        cm² | vierkante centimeter
        ha | hectare
        m³ | kubieke meter
        cm³ | kubieke centimeter
        l  L | liter
        dl | deciliter
        cl | centiliter
        ml  mL | milliliter
        kg | kilogram
        g | gram
        mg | milligram
        µg  μg | microgram
        t | ton
        °C  ℃ | graad Celsius | graden Celsius
        °F  ℉ | graad Fahrenheit | graden Fahrenheit
        km/h  km/u | kilometer per uur
        m/s | meter per seconde
        h  u | uur
        min | minuut | minuten
        s  sec | seconde | seconden
        ms | milliseconde | milliseconden
        Hz | hertz
        kHz | kilohertz
        MHz | megahertz
        GHz | gigahertz
        W | watt
        kW | kilowatt
        MW | megawatt
        GW | gigawatt
        kWh | kilowattuur
        V | volt
        mA | milliampère
        mAh | milliampère-uur
        pk | paardenkracht
        hPa | hectopascal
        kB  KB | kilobyte
        MB | megabyte
        GB | gigabyte
        TB | terabyte
        Mbps  Mbit/s | megabit per seconde
        Gbps  Gbit/s | gigabit per seconde
        kcal | kilocalorie | kilocalorieën
        kJ | kilojoule
        dB | decibel
        px | pixel | pixels
        x  × | keer
    """),  # noqa: RUF001  # noqa: RUF001
    scales=table("""
        mln  mln.  miljoen | miljoen
        mld  mld.  miljard | miljard
    """),
    currencies=currencies("""
        €  EUR | euro | cent
        $  US$  USD | dollar | cent
        £  GBP | pond | penny / pence
        ¥  JPY | yen
        ₹  INR | roepie
        CHF | Zwitserse frank | rappen
        ₽  RUB | roebel
        CNY | yuan
        ₿  BTC | bitcoin
    """),
    fractions={
        2: ("half", "halve"),
        3: ("derde",),
        4: ("kwart",),
        5: ("vijfde",),
        6: ("zesde",),
        7: ("zevende",),
        8: ("achtste",),
        9: ("negende",),
        10: ("tiende",),
    },
    titles=words("""
        dhr.  Dhr. | de heer
        mevr.  Mevr.  mw.  Mw. | mevrouw
        dr.  Dr. | dokter
        prof.  Prof. | professor
        drs.  Drs. | doctorandus
        ir.  Ir. | ingenieur
        mr.  Mr. | meester
        ing. | ingenieur
        St. | Sint
    """),
    abbreviations=abbreviations("""
        bijv.  bv.  b.v. | bijvoorbeeld
        d.w.z.  dwz | dat wil zeggen
        enz. | enzovoort
        etc. | et cetera
        o.a. | onder andere
        m.b.t. | met betrekking tot
        i.p.v. | in plaats van
        i.v.m. | in verband met
        t.o.v. | ten opzichte van
        t.a.v. | ter attentie van
        n.a.v. | naar aanleiding van
        m.a.w. | met andere woorden
        a.u.b. | alstublieft
        e.d. | en dergelijke
        t/m | tot en met
        ca. | circa
        ong. | ongeveer
        evt. | eventueel
        incl. | inclusief
        excl. | exclusief
        resp. | respectievelijk
        max. | maximaal
        min. | minimaal
        gem. | gemiddeld
        tel. | telefoon
        v.Chr.  v. Chr. | voor Christus
        n.Chr.  n. Chr. | na Christus
        mln  mln. | miljoen
        mld  mld. | miljard
        vs. | tegen
        C++ | C plus plus
        C# | C sharp
        24/7 | vierentwintig zeven
    """),
    before_number=words("""
        nr.  Nr. | nummer
        blz.  p. | bladzijde
        art. | artikel
        hfst. | hoofdstuk
        afb. | afbeelding
        fig. | figuur
    """),
    closing=frozenset({"enz.", "etc.", "e.d.", "a.u.b.", "v.Chr.", "n.Chr."}),
    feminine=(),
    not_abbreviated=frozenset({"begins", "best", "art", "bank", "no", "min", "al", "in", "bin"}),
)  # fmt: skip
