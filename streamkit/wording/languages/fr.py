"""French."""

from __future__ import annotations

from streamkit.wording.vocabulary import (
    Vocabulary,
    abbreviations,
    currencies,
    table,
    words,
)

VOCABULARY = Vocabulary(
    language="fr",
    decimal=",",
    blank_groups=True,
    fraction_as_number=True,
    point="virgule",
    minus="moins",
    to="à",
    by="sur",
    over="sur",
    per="par",
    number="numéro",
    half_joint="et",
    dot="point",
    slash="barre oblique",
    hyphen="tiret",
    at="arobase",
    code="Code.",
    squared="au carré",
    cubed="au cube",
    power="puissance",
    clock=" heures ",
    clock_full="heures",
    cent_joint="",
    cent_named=False,
    scale_joint="de",
    months=(
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
        "octobre", "novembre", "décembre",
    ),
    symbols=words("""
        & | et
        + | plus
        =  == | égale
        !=  ≠ | différent de
        *  ×  ⋅ | fois
        ÷ | divisé par
        < | inférieur à
        > | supérieur à
        <=  ≤ | inférieur ou égal à
        >=  ≥ | supérieur ou égal à
        ≈  ~ | environ
        ± | plus ou moins
        ->  =>  →  ⇒  ➔  ⟶ | vers
        @ | arobase
        √ | racine carrée de
        π | pi
        ∞ | infini
        § | paragraphe
        №  nº  n°  N° | numéro
    """),  # noqa: RUF001  # noqa: RUF001
    suffixes=words("""
        % | pour cent
        ‰ | pour mille
        ° | degrés
    """),
    units=table("""
        km | kilomètre | kilomètres
        m | mètre | mètres
        dm | décimètre | décimètres
        cm | centimètre | centimètres
        mm | millimètre | millimètres
        µm  μm | micromètre | micromètres
        nm | nanomètre | nanomètres
        km² | kilomètre carré | kilomètres carrés
        m² | mètre carré | mètres carrés
        cm² | centimètre carré | centimètres carrés
        ha | hectare | hectares
        m³ | mètre cube | mètres cubes
        cm³ | centimètre cube | centimètres cubes
        l  L | litre | litres
        dl  dL | décilitre | décilitres
        cl  cL | centilitre | centilitres
        ml  mL | millilitre | millilitres
        kg | kilogramme | kilogrammes
        g | gramme | grammes
        mg | milligramme | milligrammes
        µg  μg | microgramme | microgrammes
        t | tonne | tonnes
        °C  ℃ | degré Celsius | degrés Celsius
        °F  ℉ | degré Fahrenheit | degrés Fahrenheit
        km/h | kilomètre par heure | kilomètres par heure
        m/s | mètre par seconde | mètres par seconde
        h | heure | heures
        min  mn | minute | minutes
        s | seconde | secondes
        ms | milliseconde | millisecondes
        Hz | hertz
        kHz | kilohertz
        MHz | mégahertz
        GHz | gigahertz
        W | watt | watts
        kW | kilowatt | kilowatts
        MW | mégawatt | mégawatts
        GW | gigawatt | gigawatts
        kWh | kilowattheure | kilowattheures
        V | volt | volts
        mA | milliampère | milliampères
        mAh | milliampère-heure | milliampères-heures
        hPa | hectopascal | hectopascals
        ko  kB  Ko  KB | kilooctet | kilooctets
        Mo  MB | mégaoctet | mégaoctets
        Go  GB | gigaoctet | gigaoctets
        To  TB | téraoctet | téraoctets
        Mbps  Mbit/s | mégabit par seconde | mégabits par seconde
        Gbps  Gbit/s | gigabit par seconde | gigabits par seconde
        kcal | kilocalorie | kilocalories
        kJ | kilojoule | kilojoules
        dB | décibel | décibels
        px | pixel | pixels
        x  × | fois
    """),  # noqa: RUF001  # noqa: RUF001
    scales=table("""
        k  K | mille
        M  million  millions | million | millions
        Md  Mds  milliard  milliards | milliard | milliards
    """),
    currencies=currencies("""
        €  EUR | euro / euros | centime / centimes
        $  US$  USD | dollar / dollars | cent / cents
        $CA  CA$  CAD | dollar canadien / dollars canadiens | cent / cents
        £  GBP | livre / livres | penny / pence
        ¥  JPY | yen / yens
        ₹  INR | roupie / roupies
        CHF | franc suisse / francs suisses | centime / centimes
        ₽  RUB | rouble / roubles
        CNY | yuan / yuans
        ₿  BTC | bitcoin / bitcoins
    """),
    fractions={
        2: ("demi", "demis"),
        3: ("tiers",),
        4: ("quart", "quarts"),
        5: ("cinquième", "cinquièmes"),
        6: ("sixième", "sixièmes"),
        7: ("septième", "septièmes"),
        8: ("huitième", "huitièmes"),
        9: ("neuvième", "neuvièmes"),
        10: ("dixième", "dixièmes"),
    },
    titles=words("""
        M. | Monsieur
        MM. | Messieurs
        Mme | Madame
        Mmes | Mesdames
        Mlle | Mademoiselle
        Dr  Dr. | Docteur
        Pr  Pr. | Professeur
        Me | Maître
        St | Saint
        Ste | Sainte
    """),
    abbreviations=abbreviations("""
        c.-à-d. | c'est-à-dire
        p. ex.  p.ex.  par ex. | par exemple
        etc. | et cetera
        cf.  cf | voir
        env. | environ
        av. J.-C. | avant Jésus-Christ
        apr. J.-C.  ap. J.-C. | après Jésus-Christ
        min. | minimum
        max. | maximum
        tél. | téléphone
        boul.  bd | boulevard
        éd. | édition
        hab. | habitants
        vs  vs. | contre
        s.v.p.  svp | s'il vous plaît
        C++ | C plus plus
        C# | C sharp
        24/7 | vingt-quatre sept
        24h/24 | vingt-quatre heures sur vingt-quatre
        7j/7 | sept jours sur sept
    """),
    before_number=words("""
        no  No  nos | numéro
        p. | page
        pp. | pages
        art. | article
        chap. | chapitre
        fig. | figure
        vol. | volume
    """),
    closing=frozenset({"etc.", "av. J.-C.", "apr. J.-C.", "ap. J.-C.", "s.v.p."}),
    feminine=(
        "heure", "heures", "minute", "minutes", "seconde", "secondes", "tonne", "tonnes", "livre",
        "livres", "calorie", "calories", "fois", "personne", "personnes", "page", "pages", "année",
        "années", "semaine", "semaines", "tion", "tions", "ssion", "ssions", "roupie", "roupies",
        "tasse", "tasses", "cuillère", "cuillères", "voiture", "voitures", "ville", "villes",
        "étape", "étapes", "journée", "journées", "partie", "parties",
    ),
    not_abbreviated=frozenset({"art", "sens", "sing", "fig", "fin", "no"}),
)  # fmt: skip
