"""English."""

from __future__ import annotations

from streamkit.wording.vocabulary import (
    Vocabulary,
    abbreviations,
    currencies,
    table,
    words,
)

VOCABULARY = Vocabulary(
    language="en",
    decimal=".",
    blank_groups=False,
    fraction_as_number=False,
    point="point",
    minus="minus",
    to="to",
    by="by",
    over="over",
    per="per",
    number="number",
    half_joint="and",
    dot="dot",
    slash="slash",
    hyphen="dash",
    at="at",
    code="Code.",
    squared="squared",
    cubed="cubed",
    power="to the power of",
    clock=" ",
    clock_full="o'clock",
    cent_joint="and",
    cent_named=True,
    scale_joint="",
    months=(
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ),
    symbols=words("""
        & | and
        + | plus
        =  == | equals
        !=  ≠ | is not equal to
        *  ×  ⋅ | times
        ÷ | divided by
        < | less than
        > | greater than
        <=  ≤ | less than or equal to
        >=  ≥ | greater than or equal to
        ≈ | approximately
        ~ | about
        ± | plus or minus
        ->  =>  →  ⇒  ➔  ⟶ | to
        @ | at
        √ | the square root of
        π | pi
        ∞ | infinity
        § | section
        №  nº  n° | number
    """),  # noqa: RUF001  # noqa: RUF001
    suffixes=words("""
        % | percent
        ‰ | per mille
        ¢ | cents
        ° | degrees
    """),
    units=table("""
        km | kilometer | kilometers
        m | meter | meters
        dm | decimeter | decimeters
        cm | centimeter | centimeters
        mm | millimeter | millimeters
        µm  μm | micrometer | micrometers
        nm | nanometer | nanometers
        mi | mile | miles
        yd | yard | yards
        ft | foot | feet
        km² | square kilometer | square kilometers
        m² | square meter | square meters
        cm² | square centimeter | square centimeters
        ft²  sq ft | square foot | square feet
        ha | hectare | hectares
        m³ | cubic meter | cubic meters
        cm³ | cubic centimeter | cubic centimeters
        l  L | liter | liters
        dl | deciliter | deciliters
        cl | centiliter | centiliters
        ml  mL | milliliter | milliliters
        kg | kilogram | kilograms
        g | gram | grams
        mg | milligram | milligrams
        µg  μg | microgram | micrograms
        t | ton | tons
        lb  lbs | pound | pounds
        oz | ounce | ounces
        tsp | teaspoon | teaspoons
        tbsp | tablespoon | tablespoons
        °C  ℃ | degree Celsius | degrees Celsius
        °F  ℉ | degree Fahrenheit | degrees Fahrenheit
        km/h  kph | kilometer per hour | kilometers per hour
        mph | mile per hour | miles per hour
        m/s | meter per second | meters per second
        h  hr  hrs | hour | hours
        min  mins | minute | minutes
        s  sec  secs | second | seconds
        ms | millisecond | milliseconds
        µs  μs | microsecond | microseconds
        Hz | hertz
        kHz | kilohertz
        MHz | megahertz
        GHz | gigahertz
        W | watt | watts
        kW | kilowatt | kilowatts
        MW | megawatt | megawatts
        GW | gigawatt | gigawatts
        Wh | watt hour | watt hours
        kWh | kilowatt hour | kilowatt hours
        V | volt | volts
        mA | milliamp | milliamps
        mAh | milliamp hour | milliamp hours
        hPa | hectopascal | hectopascals
        kB  KB | kilobyte | kilobytes
        MB | megabyte | megabytes
        GB | gigabyte | gigabytes
        TB | terabyte | terabytes
        Mbps  Mbit/s | megabit per second | megabits per second
        Gbps  Gbit/s | gigabit per second | gigabits per second
        MB/s | megabyte per second | megabytes per second
        kcal | kilocalorie | kilocalories
        cal | calorie | calories
        kJ | kilojoule | kilojoules
        dB | decibel | decibels
        px | pixel | pixels
        fps | frame per second | frames per second
        rpm | revolution per minute | revolutions per minute
        x  × | time | times
    """),  # noqa: RUF001  # noqa: RUF001
    scales=table("""
        k  K | thousand
        thousand | thousand
        m  M  mn  million | million
        bn  B  b  billion | billion
        T  tn  trillion | trillion
    """),
    currencies=currencies("""
        $  US$  USD | dollar / dollars | cent / cents
        A$  AUD | Australian dollar / Australian dollars | cent / cents
        C$  CA$  CAD | Canadian dollar / Canadian dollars | cent / cents
        €  EUR | euro / euros | cent / cents
        £  GBP | pound / pounds | penny / pence
        ¥  JPY | yen
        ₹  INR | rupee / rupees | paisa / paise
        R$  BRL | real / reais | centavo / centavos
        CHF | Swiss franc / Swiss francs | centime / centimes
        zł  PLN | zloty / zlotys | grosz / groszy
        ₽  RUB | ruble / rubles | kopek / kopeks
        ₩  KRW | won
        CNY  RMB | yuan
        ₿  BTC | bitcoin / bitcoins
    """),
    fractions={
        2: ("half", "halves"),
        3: ("third", "thirds"),
        4: ("quarter", "quarters"),
        5: ("fifth", "fifths"),
        6: ("sixth", "sixths"),
        7: ("seventh", "sevenths"),
        8: ("eighth", "eighths"),
        9: ("ninth", "ninths"),
        10: ("tenth", "tenths"),
        16: ("sixteenth", "sixteenths"),
    },
    titles=words("""
        Dr. | Doctor
        Drs. | Doctors
        Mr. | Mister
        Mrs. | Missus
        Ms. | Miz
        Prof. | Professor
        Gen. | General
        Col. | Colonel
        Capt. | Captain
        Lt. | Lieutenant
        Sgt. | Sergeant
        Rev. | Reverend
        Hon. | Honorable
        Gov. | Governor
        Sen. | Senator
        Rep. | Representative
        Pres. | President
        Mt. | Mount
        Ft. | Fort
        St. | Saint
    """),
    abbreviations=abbreviations("""
        e.g. | for example
        i.e. | that is
        etc. | et cetera
        vs.  vs | versus
        cf. | compare
        viz. | namely
        approx. | approximately
        et al. | and others
        a.k.a.  aka | also known as
        w/o | without
        w/ | with
        b/c | because
        a.m.  A.M. | A M
        p.m.  P.M. | P M
        Ph.D. | P H D
        Jr. | Junior
        Sr. | Senior
        Inc. | Incorporated
        Ltd. | Limited
        Corp. | Corporation
        Co. | Company
        Dept.  dept. | department
        est. | established
        govt. | government
        incl. | including
        excl. | excluding
        max. | maximum
        min. | minimum
        avg. | average
        temp. | temperature
        tel. | telephone
        Ave. | Avenue
        Blvd. | Boulevard
        Rd. | Road
        St. | Street
        Jan. | January
        Feb. | February
        Apr. | April
        Aug. | August
        Sept.  Sep. | September
        Oct. | October
        Nov. | November
        Dec. | December
        AT&T | A T and T
        C++ | C plus plus
        C# | C sharp
        F# | F sharp
        .NET | dot net
        TCP/IP | T C P I P
        I/O | I O
        A/C | A C
        n/a  N/A | not applicable
        24/7 | twenty-four seven
        9/11 | nine eleven
    """),
    before_number=words("""
        No.  no.  Nr. | number
        Nos.  nos. | numbers
        Fig.  fig. | figure
        Figs. | figures
        p. | page
        pp. | pages
        vol.  Vol. | volume
        ch.  Ch. | chapter
        sec.  Sec. | section
        art.  Art. | article
        eq.  Eq. | equation
        ed. | edition
        ver. | version
        ca.  c. | about
    """),
    closing=frozenset(
        {"etc.", "a.m.", "A.M.", "p.m.", "P.M.", "Jr.", "Sr.", "Inc.", "Ltd.", "Corp.", "Co.",
         "St.", "Ave.", "Blvd.", "Rd."}
    ),
    feminine=(),
    not_abbreviated=frozenset(
        {"no", "fig", "art", "sun", "sat", "mar", "am", "us", "all", "in", "ill", "wed"}
    ),
)  # fmt: skip
