"""German."""

from __future__ import annotations

from streamkit.wording.vocabulary import (
    Vocabulary,
    abbreviations,
    currencies,
    table,
    words,
)

VOCABULARY = Vocabulary(
    language="de",
    decimal=",",
    blank_groups=True,
    fraction_as_number=False,
    point="Komma",
    minus="minus",
    to="bis",
    by="mal",
    over="durch",
    per="pro",
    number="Nummer",
    half_joint="und",
    dot="Punkt",
    slash="Schrägstrich",
    hyphen="Strich",
    at="ät",
    code="Code.",
    squared="Quadrat",
    cubed="hoch drei",
    power="hoch",
    clock=" Uhr ",
    clock_full="Uhr",
    cent_joint="",
    cent_named=False,
    scale_joint="",
    months=(
        "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
        "Oktober", "November", "Dezember",
    ),
    symbols=words("""
        & | und
        + | plus
        =  == | gleich
        !=  ≠ | ungleich
        *  ×  ⋅ | mal
        ÷ | geteilt durch
        < | kleiner als
        > | größer als
        <=  ≤ | kleiner oder gleich
        >=  ≥ | größer oder gleich
        ≈  ~ | ungefähr
        ± | plus minus
        ->  =>  →  ⇒  ➔  ⟶ | nach
        @ | ät
        √ | Wurzel aus
        π | Pi
        ∞ | unendlich
        § | Paragraf
        №  nº  n° | Nummer
    """),  # noqa: RUF001  # noqa: RUF001
    suffixes=words("""
        % | Prozent
        ‰ | Promille
        ° | Grad
    """),
    units=table("""
        km | Kilometer
        m | Meter
        dm | Dezimeter
        cm | Zentimeter
        mm | Millimeter
        µm  μm | Mikrometer
        nm | Nanometer
        mi | Meile | Meilen
        km² | Quadratkilometer
        m²  qm | Quadratmeter
        cm² | Quadratzentimeter
        ha | Hektar
        m³ | Kubikmeter
        cm³ | Kubikzentimeter
        l  L | Liter
        dl | Deziliter
        cl | Zentiliter
        ml  mL | Milliliter
        kg | Kilogramm
        g | Gramm
        mg | Milligramm
        µg  μg | Mikrogramm
        t | Tonne | Tonnen
        EL | Esslöffel
        TL | Teelöffel
        °C  ℃ | Grad Celsius
        °F  ℉ | Grad Fahrenheit
        km/h | Kilometer pro Stunde
        m/s | Meter pro Sekunde
        h  Std.  Std | Stunde | Stunden
        min  Min.  Min | Minute | Minuten
        s  Sek.  Sek  sec | Sekunde | Sekunden
        ms | Millisekunde | Millisekunden
        µs  μs | Mikrosekunde | Mikrosekunden
        Hz | Hertz
        kHz | Kilohertz
        MHz | Megahertz
        GHz | Gigahertz
        W | Watt
        kW | Kilowatt
        MW | Megawatt
        GW | Gigawatt
        Wh | Wattstunde | Wattstunden
        kWh | Kilowattstunde | Kilowattstunden
        V | Volt
        mA | Milliampere
        mAh | Milliamperestunde | Milliamperestunden
        PS | P S
        hPa | Hektopascal
        kB  KB | Kilobyte
        MB | Megabyte
        GB | Gigabyte
        TB | Terabyte
        Mbps  Mbit/s | Megabit pro Sekunde
        Gbps  Gbit/s | Gigabit pro Sekunde
        MB/s | Megabyte pro Sekunde
        kcal | Kilokalorie | Kilokalorien
        kJ | Kilojoule
        dB | Dezibel
        px | Pixel
        x  × | mal
        Mio.  Mio | Million | Millionen
        Mrd.  Mrd | Milliarde | Milliarden
        Tsd. | tausend
    """),  # noqa: RUF001  # noqa: RUF001
    scales=table("""
        Tsd.  Tsd  tausend | tausend
        Mio.  Mio  Million  Millionen | Million | Millionen
        Mrd.  Mrd  Milliarde  Milliarden | Milliarde | Milliarden
        Billion  Billionen | Billion | Billionen
    """),
    currencies=currencies("""
        €  EUR  Euro | Euro | Cent
        $  US$  USD | Dollar | Cent
        £  GBP | Pfund | Penny / Pence
        ¥  JPY | Yen
        ₹  INR | Rupie / Rupien
        CHF  Fr. | Franken | Rappen
        zł  PLN | Zloty | Groschen
        ₽  RUB | Rubel | Kopeke / Kopeken
        ₩  KRW | Won
        CNY | Yuan
        ₿  BTC | Bitcoin
    """),
    fractions={
        2: ("halb", "Halbe"),
        3: ("Drittel",),
        4: ("Viertel",),
        5: ("Fünftel",),
        6: ("Sechstel",),
        7: ("Siebtel",),
        8: ("Achtel",),
        9: ("Neuntel",),
        10: ("Zehntel",),
    },
    titles=words("""
        Dr. | Doktor
        Prof. | Professor
        Hr. | Herr
        Hrn. | Herrn
        Fr. | Frau
        Dipl.-Ing. | Diplomingenieur
        St. | Sankt
        Hl.  hl. | heilige
    """),
    abbreviations=abbreviations("""
        z. B.  z.B. | zum Beispiel
        d. h.  d.h. | das heißt
        u. a.  u.a. | unter anderem
        u. U.  u.U. | unter Umständen
        u. Ä.  u.Ä. | und Ähnliches
        o. Ä.  o.Ä. | oder Ähnliches
        o. g.  o.g. | oben genannt
        i. d. R.  i.d.R. | in der Regel
        z. T.  z.T. | zum Teil
        z. Zt.  z.Zt. | zurzeit
        v. a.  v.a. | vor allem
        v. Chr.  v.Chr. | vor Christus
        n. Chr.  n.Chr. | nach Christus
        m. E.  m.E. | meines Erachtens
        s. o.  s.o. | siehe oben
        s. u.  s.u. | siehe unten
        usw. | und so weiter
        etc. | et cetera
        bzw. | beziehungsweise
        bspw. | beispielsweise
        ca. | circa
        ggf. | gegebenenfalls
        evtl. | eventuell
        inkl. | inklusive
        exkl. | exklusive
        zzgl. | zuzüglich
        abzgl. | abzüglich
        vgl. | vergleiche
        sog. | sogenannte
        geb. | geboren
        gest. | gestorben
        max. | maximal
        min. | mindestens
        mind. | mindestens
        allg. | allgemein
        insb. | insbesondere
        Jh. | Jahrhundert
        Tel. | Telefon
        Str. | Straße
        Mio. | Millionen
        Mrd. | Milliarden
        MwSt. | Mehrwertsteuer
        vs. | gegen
        C++ | C plus plus
        C# | C Sharp
        24/7 | vierundzwanzig sieben
    """),
    before_number=words("""
        Nr.  nr. | Nummer
        S. | Seite
        Abb. | Abbildung
        Abs. | Absatz
        Art. | Artikel
        Bd. | Band
        Kap. | Kapitel
        Tab. | Tabelle
    """),
    closing=frozenset({"usw.", "etc.", "u. Ä.", "u.Ä.", "o. Ä.", "o.Ä."}),
    feminine=("e", "ung", "heit", "keit", "schaft", "tät", "ion"),
    before_ordinals=frozenset(
        {"am", "im", "vom", "zum", "beim", "zur", "der", "die", "das", "dem", "den", "des", "ab",
         "bis", "seit", "diesem", "jedem", "jeden", "jeder", "einem", "ein", "eine", "einen",
         "mein", "meine", "meinem", "sein", "seine", "ihr", "ihre", "unser", "unsere"}
    ),
    not_abbreviated=frozenset({"art", "no", "gen", "str", "in", "sat", "los", "tag"}),
)  # fmt: skip
