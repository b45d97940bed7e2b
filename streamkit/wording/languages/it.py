"""Italian."""

from __future__ import annotations

from streamkit.wording.vocabulary import (
    Vocabulary,
    abbreviations,
    currencies,
    table,
    words,
)

VOCABULARY = Vocabulary(
    language="it",
    decimal=",",
    blank_groups=False,
    fraction_as_number=True,
    point="virgola",
    minus="meno",
    to="a",
    by="per",
    over="su",
    per="al",
    number="numero",
    half_joint="e",
    dot="punto",
    slash="barra",
    hyphen="trattino",
    at="chiocciola",
    code="Codice.",
    squared="al quadrato",
    cubed="al cubo",
    power="alla",
    clock=" e ",
    clock_full="",
    cent_joint="e",
    cent_named=False,
    scale_joint="di",
    months=(
        "gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto",
        "settembre", "ottobre", "novembre", "dicembre",
    ),
    symbols=words("""
        & | e
        + | più
        =  == | uguale a
        !=  ≠ | diverso da
        *  ×  ⋅ | per
        ÷ | diviso
        < | minore di
        > | maggiore di
        <=  ≤ | minore o uguale a
        >=  ≥ | maggiore o uguale a
        ≈  ~ | circa
        ± | più o meno
        ->  =>  →  ⇒  ➔  ⟶ | a
        @ | chiocciola
        √ | radice quadrata di
        π | pi greco
        ∞ | infinito
        § | paragrafo
        №  nº  n° | numero
    """),  # noqa: RUF001  # noqa: RUF001
    suffixes=words("""
        % | per cento
        ‰ | per mille
        ° | gradi
    """),
    units=table("""
        km | chilometro | chilometri
        m | metro | metri
        dm | decimetro | decimetri
        cm | centimetro | centimetri
        mm | millimetro | millimetri
        µm  μm | micrometro | micrometri
        nm | nanometro | nanometri
        km² | chilometro quadrato | chilometri quadrati
        m²  mq | metro quadrato | metri quadrati
        cm² | centimetro quadrato | centimetri quadrati
        ha | ettaro | ettari
        m³ | metro cubo | metri cubi
        cm³ | centimetro cubo | centimetri cubi
        l  L | litro | litri
        dl  dL | decilitro | decilitri
        cl  cL | centilitro | centilitri
        ml  mL | millilitro | millilitri
        kg | chilogrammo | chilogrammi
        g | grammo | grammi
        mg | milligrammo | milligrammi
        µg  μg | microgrammo | microgrammi
        t | tonnellata | tonnellate
        °C  ℃ | grado Celsius | gradi Celsius
        °F  ℉ | grado Fahrenheit | gradi Fahrenheit
        km/h | chilometro all'ora | chilometri all'ora
        m/s | metro al secondo | metri al secondo
        h | ora | ore
        min | minuto | minuti
        s  sec | secondo | secondi
        ms | millisecondo | millisecondi
        Hz | hertz
        kHz | chilohertz
        MHz | megahertz
        GHz | gigahertz
        W | watt
        kW | chilowatt
        MW | megawatt
        GW | gigawatt
        kWh | chilowattora
        V | volt
        mA | milliampere
        mAh | milliamperora
        hPa | ettopascal
        kB  KB | kilobyte
        MB | megabyte
        GB | gigabyte
        TB | terabyte
        Mbps  Mbit/s | megabit al secondo
        Gbps  Gbit/s | gigabit al secondo
        kcal | chilocaloria | chilocalorie
        kJ | chilojoule
        dB | decibel
        px | pixel
        x  × | per
    """),  # noqa: RUF001  # noqa: RUF001
    scales=table("""
        mila | mila
        M  mln  milione  milioni | milione | milioni
        mld  mrd  miliardo  miliardi | miliardo | miliardi
    """),
    currencies=currencies("""
        €  EUR | euro | centesimo / centesimi
        $  US$  USD | dollaro / dollari | centesimo / centesimi
        £  GBP | sterlina / sterline | penny / pence
        ¥  JPY | yen
        ₹  INR | rupia / rupie
        CHF | franco svizzero / franchi svizzeri | centesimo / centesimi
        ₽  RUB | rublo / rubli
        CNY | yuan
        ₿  BTC | bitcoin
    """),
    fractions={
        2: ("mezzo", "mezzi"),
        3: ("terzo", "terzi"),
        4: ("quarto", "quarti"),
        5: ("quinto", "quinti"),
        6: ("sesto", "sesti"),
        7: ("settimo", "settimi"),
        8: ("ottavo", "ottavi"),
        9: ("nono", "noni"),
        10: ("decimo", "decimi"),
    },
    titles=words("""
        sig.  Sig. | signor
        sig.ra  Sig.ra | signora
        sigg.  Sigg. | signori
        sig.na | signorina
        dott.  Dott.  dr.  Dr. | dottor
        dott.ssa  Dott.ssa | dottoressa
        prof.  Prof. | professor
        prof.ssa  Prof.ssa | professoressa
        avv.  Avv. | avvocato
        ing.  Ing. | ingegner
        arch.  Arch. | architetto
        on.  On. | onorevole
        S. | San
    """),
    abbreviations=abbreviations("""
        p. es.  p.es.  ad es.  es. | per esempio
        ecc. | eccetera
        a.C.  a. C. | avanti Cristo
        d.C.  d. C. | dopo Cristo
        ca. | circa
        cfr. | confronta
        max. | massimo
        min. | minimo
        mln | milioni
        mld | miliardi
        tel. | telefono
        vs.  vs | contro
        s.p.a.  S.p.A. | S P A
        S.r.l.  s.r.l. | S R L
        C++ | C più più
        C# | C sharp
        24/7 | ventiquattro sette
    """),
    before_number=words("""
        n.  N.  nr. | numero
        pag.  p. | pagina
        pagg.  pp. | pagine
        art. | articolo
        cap. | capitolo
        fig. | figura
        vol. | volume
    """),
    closing=frozenset({"ecc.", "a.C.", "d.C.", "a. C.", "d. C.", "S.p.A.", "S.r.l."}),
    feminine=("a", "ione", "tà"),
    not_abbreviated=frozenset(
        {"no", "al", "ad", "ai", "ago", "are", "art", "ante", "anime", "all", "fa", "ora", "re",
         "te", "me", "ma", "poi", "via", "anni", "mai", "dei", "del", "sci", "bar", "asse", "acci",
         "sai", "ore", "fine", "sera", "casa", "cose", "ali", "adi", "amami", "per", "con", "di",
         "da", "se", "qui", "sia", "sta", "va", "po", "fu", "tre", "due", "sei", "tra", "su"}
    ),
)  # fmt: skip
