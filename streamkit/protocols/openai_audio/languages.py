"""Whisper's languages, by ISO 639-1 code and by the English name that its API answers with."""

from __future__ import annotations

from types import MappingProxyType

NAMES = MappingProxyType(
    dict(
        af="afrikaans", am="amharic", ar="arabic", az="azerbaijani", be="belarusian",
        bg="bulgarian", bn="bengali", bo="tibetan", br="breton", bs="bosnian", ca="catalan",
        cs="czech", cy="welsh", da="danish", de="german", el="greek", en="english", es="spanish",
        et="estonian", eu="basque", fa="persian", fi="finnish", fo="faroese", fr="french",
        gl="galician", gu="gujarati", ha="hausa", haw="hawaiian", he="hebrew", hi="hindi",
        hr="croatian", ht="haitian creole", hu="hungarian", hy="armenian", id="indonesian",
        it="italian", ja="japanese", jw="javanese", ka="georgian", kk="kazakh", km="khmer",
        kn="kannada", ko="korean", la="latin", lb="luxembourgish", ln="lingala", lo="lao",
        lt="lithuanian", lv="latvian", mg="malagasy", mi="maori", mk="macedonian",
        ml="malayalam", mn="mongolian", mr="marathi", ms="malay", mt="maltese", my="myanmar",
        ne="nepali", nl="dutch", nn="nynorsk", no="norwegian", oc="occitan", pa="punjabi",
        pl="polish", ps="pashto", pt="portuguese", ro="romanian", ru="russian", sa="sanskrit",
        sd="sindhi", si="sinhala", sk="slovak", sl="slovenian", sn="shona", so="somali",
        sq="albanian", sr="serbian", su="sundanese", sv="swedish", sw="swahili", ta="tamil",
        te="telugu", tg="tajik", th="thai", tk="turkmen", tl="tagalog", tr="turkish", tt="tatar",
        uk="ukrainian", ur="urdu", uz="uzbek", vi="vietnamese", yi="yiddish", yo="yoruba",
        yue="cantonese", zh="chinese", ba="bashkir",
        **{"as": "assamese", "is": "icelandic"},
    )
)  # fmt: skip
_CODES = {name: code for code, name in NAMES.items()}


def language_code(given: str) -> str:
    """The code of a language that a client names as en, EN, en-US, or English.

    What is no known name is taken for a code; whether the model has it is not decided here.
    """
    plain = given.strip().lower()
    # Whisper knows languages, not regions.
    return _CODES.get(plain, plain.replace("_", "-").split("-")[0])


def language_name(code: str) -> str:
    """The English name of a language in lower case, or the code itself."""
    return NAMES.get(code, code)
