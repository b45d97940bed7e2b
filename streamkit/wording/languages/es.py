"""Spanish."""

from __future__ import annotations

from streamkit.wording.vocabulary import (
    Vocabulary,
    abbreviations,
    currencies,
    table,
    words,
)

VOCABULARY = Vocabulary(
    language="es",
    decimal=",",
    blank_groups=True,
    fraction_as_number=True,
    point="coma",
    minus="menos",
    to="a",
    by="por",
    over="sobre",
    per="por",
    number="número",
    half_joint="y",
    dot="punto",
    slash="barra",
    hyphen="guion",
    at="arroba",
    code="Código.",
    squared="al cuadrado",
    cubed="al cubo",
    power="elevado a",
    clock=" y ",
    clock_full="",
    cent_joint="con",
    cent_named=True,
    scale_joint="de",
    months=(
        "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
        "octubre", "noviembre", "diciembre",
    ),
    symbols=words("""
        & | y
        + | más
        =  == | igual a
        !=  ≠ | distinto de
        *  ×  ⋅ | por
        ÷ | dividido entre
        < | menor que
        > | mayor que
        <=  ≤ | menor o igual que
        >=  ≥ | mayor o igual que
        ≈  ~ | aproximadamente
        ± | más o menos
        ->  =>  →  ⇒  ➔  ⟶ | a
        @ | arroba
        √ | raíz cuadrada de
        π | pi
        ∞ | infinito
        § | sección
        №  nº  n° | número
    """),  # noqa: RUF001  # noqa: RUF001
    suffixes=words("""
        % | por ciento
        ‰ | por mil
        ° | grados
    """),
    units=table("""
        km | kilómetro | kilómetros
        m | metro | metros
        dm | decímetro | decímetros
        cm | centímetro | centímetros
        mm | milímetro | milímetros
        µm  μm | micrómetro | micrómetros
        nm | nanómetro | nanómetros
        km² | kilómetro cuadrado | kilómetros cuadrados
        m² | metro cuadrado | metros cuadrados
        cm² | centímetro cuadrado | centímetros cuadrados
        ha | hectárea | hectáreas
        m³ | metro cúbico | metros cúbicos
        cm³ | centímetro cúbico | centímetros cúbicos
        l  L | litro | litros
        dl  dL | decilitro | decilitros
        cl  cL | centilitro | centilitros
        ml  mL | mililitro | mililitros
        kg | kilogramo | kilogramos
        g | gramo | gramos
        mg | miligramo | miligramos
        µg  μg | microgramo | microgramos
        t | tonelada | toneladas
        °C  ℃ | grado Celsius | grados Celsius
        °F  ℉ | grado Fahrenheit | grados Fahrenheit
        km/h | kilómetro por hora | kilómetros por hora
        m/s | metro por segundo | metros por segundo
        h | hora | horas
        min | minuto | minutos
        s  seg | segundo | segundos
        ms | milisegundo | milisegundos
        Hz | hercio | hercios
        kHz | kilohercio | kilohercios
        MHz | megahercio | megahercios
        GHz | gigahercio | gigahercios
        W | vatio | vatios
        kW | kilovatio | kilovatios
        MW | megavatio | megavatios
        GW | gigavatio | gigavatios
        kWh | kilovatio hora | kilovatios hora
        V | voltio | voltios
        mA | miliamperio | miliamperios
        mAh | miliamperio hora | miliamperios hora
        hPa | hectopascal | hectopascales
        kB  KB | kilobyte | kilobytes
        MB | megabyte | megabytes
        GB | gigabyte | gigabytes
        TB | terabyte | terabytes
        Mbps  Mbit/s | megabit por segundo | megabits por segundo
        Gbps  Gbit/s | gigabit por segundo | gigabits por segundo
        kcal | kilocaloría | kilocalorías
        kJ | kilojulio | kilojulios
        dB | decibelio | decibelios
        px | píxel | píxeles
        x  × | por
    """),  # noqa: RUF001  # noqa: RUF001
    scales=table("""
        mil | mil
        M  mill.  millón  millones | millón | millones
        billón  billones | billón | billones
    """),
    currencies=currencies("""
        €  EUR | euro / euros | céntimo / céntimos
        $  US$  USD | dólar / dólares | centavo / centavos
        MXN | peso mexicano / pesos mexicanos | centavo / centavos
        £  GBP | libra / libras | penique / peniques
        ¥  JPY | yen / yenes
        ₹  INR | rupia / rupias
        R$  BRL | real / reales | centavo / centavos
        CHF | franco suizo / francos suizos | céntimo / céntimos
        ₽  RUB | rublo / rublos
        CNY | yuan / yuanes
        ₿  BTC | bitcoin / bitcoins
    """),
    fractions={
        2: ("medio", "medios"),
        3: ("tercio", "tercios"),
        4: ("cuarto", "cuartos"),
        5: ("quinto", "quintos"),
        6: ("sexto", "sextos"),
        7: ("séptimo", "séptimos"),
        8: ("octavo", "octavos"),
        9: ("noveno", "novenos"),
        10: ("décimo", "décimos"),
    },
    titles=words("""
        Sr. | señor
        Sra. | señora
        Srta. | señorita
        Sres. | señores
        Dr. | doctor
        Dra. | doctora
        Dña. | doña
        Prof. | profesor
        Profa. | profesora
        Ing. | ingeniero
        Lic. | licenciado
        Sto. | Santo
        Sta. | Santa
        Gral. | general
    """),
    abbreviations=abbreviations("""
        p. ej.  p.ej. | por ejemplo
        etc. | etcétera
        EE. UU.  EE.UU.  EEUU | Estados Unidos
        a. C.  a.C.  a. de C. | antes de Cristo
        d. C.  d.C.  d. de C. | después de Cristo
        a. m.  a.m. | de la mañana
        p. m.  p.m. | de la tarde
        Ud.  Vd. | usted
        Uds.  Vds. | ustedes
        aprox. | aproximadamente
        máx. | máximo
        mín. | mínimo
        tel. | teléfono
        avda.  Avda.  Av. | avenida
        dpto. | departamento
        vs.  vs | contra
        C++ | C más más
        C# | C sharp
        24/7 | veinticuatro siete
    """),
    before_number=words("""
        núm.  Núm.  n.º  N.º | número
        pág.  p. | página
        págs.  pp. | páginas
        art. | artículo
        cap. | capítulo
        fig. | figura
        vol. | volumen
    """),
    closing=frozenset(
        {"etc.", "EE. UU.", "EE.UU.", "a. C.", "a.C.", "d. C.", "d.C.", "a. m.", "a.m.", "p. m.",
         "p.m."}
    ),
    feminine=("a", "as", "ión", "iones", "dad", "dades", "veces", "vez", "noches", "noche"),
    not_abbreviated=frozenset(
        {"bien", "no", "sobre", "para", "contra", "un", "extra", "entre", "super", "del", "t",
         "bis", "inter", "con", "mega", "art", "fin", "come", "med", "dic", "sal", "sur", "mi",
         "may", "mar", "et", "pro", "re", "neo", "mini", "ante", "anti", "post", "vid", "pre"}
    ),
)  # fmt: skip
