"""Portuguese."""

from __future__ import annotations

from streamkit.wording.vocabulary import (
    Vocabulary,
    abbreviations,
    currencies,
    table,
    words,
)

VOCABULARY = Vocabulary(
    language="pt",
    decimal=",",
    blank_groups=True,
    fraction_as_number=True,
    point="vírgula",
    minus="menos",
    to="a",
    by="por",
    over="sobre",
    per="por",
    number="número",
    half_joint="e",
    dot="ponto",
    slash="barra",
    hyphen="hífen",
    at="arroba",
    code="Código.",
    squared="ao quadrado",
    cubed="ao cubo",
    power="elevado a",
    clock=" e ",
    clock_full="horas",
    cent_joint="e",
    cent_named=True,
    scale_joint="de",
    months=(
        "janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro",
        "outubro", "novembro", "dezembro",
    ),
    symbols=words("""
        & | e
        + | mais
        =  == | igual a
        !=  ≠ | diferente de
        *  ×  ⋅ | vezes
        ÷ | dividido por
        < | menor que
        > | maior que
        <=  ≤ | menor ou igual a
        >=  ≥ | maior ou igual a
        ≈  ~ | aproximadamente
        ± | mais ou menos
        ->  =>  →  ⇒  ➔  ⟶ | para
        @ | arroba
        √ | raiz quadrada de
        π | pi
        ∞ | infinito
        § | seção
        №  nº  n° | número
    """),  # noqa: RUF001  # noqa: RUF001
    suffixes=words("""
        % | por cento
        ‰ | por mil
        ° | graus
    """),
    units=table("""
        km | quilômetro | quilômetros
        m | metro | metros
        dm | decímetro | decímetros
        cm | centímetro | centímetros
        mm | milímetro | milímetros
        µm  μm | micrômetro | micrômetros
        nm | nanômetro | nanômetros
        km² | quilômetro quadrado | quilômetros quadrados
        m² | metro quadrado | metros quadrados
        cm² | centímetro quadrado | centímetros quadrados
        ha | hectare | hectares
        m³ | metro cúbico | metros cúbicos
        cm³ | centímetro cúbico | centímetros cúbicos
        l  L | litro | litros
        dl  dL | decilitro | decilitros
        cl  cL | centilitro | centilitros
        ml  mL | mililitro | mililitros
        kg | quilograma | quilogramas
        g | grama | gramas
        mg | miligrama | miligramas
        µg  μg | micrograma | microgramas
        t | tonelada | toneladas
        °C  ℃ | grau Celsius | graus Celsius
        °F  ℉ | grau Fahrenheit | graus Fahrenheit
        km/h | quilômetro por hora | quilômetros por hora
        m/s | metro por segundo | metros por segundo
        h | hora | horas
        min | minuto | minutos
        s  seg | segundo | segundos
        ms | milissegundo | milissegundos
        Hz | hertz
        kHz | quilohertz
        MHz | megahertz
        GHz | gigahertz
        W | watt | watts
        kW | quilowatt | quilowatts
        MW | megawatt | megawatts
        GW | gigawatt | gigawatts
        kWh | quilowatt-hora | quilowatts-hora
        V | volt | volts
        mA | miliampere | miliamperes
        mAh | miliampere-hora | miliamperes-hora
        hPa | hectopascal | hectopascais
        kB  KB | quilobyte | quilobytes
        MB | megabyte | megabytes
        GB | gigabyte | gigabytes
        TB | terabyte | terabytes
        Mbps  Mbit/s | megabit por segundo | megabits por segundo
        Gbps  Gbit/s | gigabit por segundo | gigabits por segundo
        kcal | quilocaloria | quilocalorias
        kJ | quilojoule | quilojoules
        dB | decibel | decibéis
        px | pixel | pixels
        x  × | vezes
    """),  # noqa: RUF001  # noqa: RUF001
    scales=table("""
        mil | mil
        mi  milhão  milhões | milhão | milhões
        bi  bilhão  bilhões | bilhão | bilhões
    """),
    currencies=currencies("""
        R$  BRL | real / reais | centavo / centavos
        €  EUR | euro / euros | cêntimo / cêntimos
        $  US$  USD | dólar / dólares | centavo / centavos
        £  GBP | libra / libras | pêni / pence
        ¥  JPY | iene / ienes
        ₹  INR | rupia / rupias
        CHF | franco suíço / francos suíços | cêntimo / cêntimos
        ₽  RUB | rublo / rublos
        CNY | yuan / yuans
        ₿  BTC | bitcoin / bitcoins
    """),
    fractions={
        2: ("meio", "meios"),
        3: ("terço", "terços"),
        4: ("quarto", "quartos"),
        5: ("quinto", "quintos"),
        6: ("sexto", "sextos"),
        7: ("sétimo", "sétimos"),
        8: ("oitavo", "oitavos"),
        9: ("nono", "nonos"),
        10: ("décimo", "décimos"),
    },
    titles=words("""
        Sr. | senhor
        Sra. | senhora
        Srta. | senhorita
        Srs. | senhores
        Dr. | doutor
        Dra. | doutora
        Prof. | professor
        Profa.  Prof.ª | professora
        Eng. | engenheiro
        Sto. | Santo
        Sta. | Santa
        Gal.  Gen. | general
    """),
    abbreviations=abbreviations("""
        p. ex.  p.ex. | por exemplo
        etc. | et cetera
        a.C.  a. C. | antes de Cristo
        d.C.  d. C. | depois de Cristo
        EUA | Estados Unidos
        aprox. | aproximadamente
        máx. | máximo
        mín. | mínimo
        tel. | telefone
        Av. | avenida
        vs.  vs | contra
        Ltda. | limitada
        C++ | C mais mais
        C# | C sharp
        24/7 | vinte e quatro sete
    """),
    before_number=words("""
        n.º  N.º  núm. | número
        pág.  p. | página
        págs.  pp. | páginas
        art. | artigo
        cap. | capítulo
        fig. | figura
        vol. | volume
    """),
    closing=frozenset({"etc.", "a.C.", "d.C.", "a. C.", "d. C.", "Ltda."}),
    feminine=("a", "as", "ção", "ções", "dade", "dades", "vezes", "vez", "noites", "noite"),
    not_abbreviated=frozenset({"no", "art", "com", "con", "ex", "fig", "op", "gen", "col", "adv"}),
)  # fmt: skip
