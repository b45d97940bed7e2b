"""Words by which one hears that a sentence goes on, or that a listener only listens.

Lists are short on purpose: a word that is missing costs a little patience, a word too many cuts
somebody off.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPEN_ENDS: Final = {
    "en": _words(
        "a an the and or but because if whose my your our their very um uh er erm i'm "
        "we're they're you're"
    ),
    "de": _words(
        "eine einen einem einer des und oder aber weil wenn dass ob mein dein unser äh ähm"
    ),
    "fr": _words(
        "un une le la les l du des et ou mais parce que si ma mes ta tes notre votre leur très euh"
    ),
    "es": _words("un una unos unas el los las y o pero porque si mi tu su nuestro muy eh"),
    "it": _words("un uno una il lo gli le e o ma perché che se di del della ehm"),
    "pt": _words("um uma os as e ou mas porque se do da hum"),
    "nl": _words("een de en of maar omdat als wanneer mijn jouw onze heel eh"),
}
"""Words with which hardly any sentence ends, whatever the recognizer puts behind them."""

QUESTION_ENDS: Final = {"de": _words("oder"), "it": _words("perché che"), "pt": _words("porque")}
"""Those of them with which questions do end."""

BACKCHANNELS: Final = {
    "en": _words(
        "uh-huh uhhuh uh huh mhm mm-hmm mmhmm mm hmm hm yeah yep yes ok okay right sure oh ah "
        "aha wow cool nice great good um"
    ),
    "de": _words("mhm hm aha ja jo okay ok genau stimmt ach so oh gut klar äh"),
    "fr": _words("mhm hm ouais oui ok okay d'accord ah oh bon bien voilà euh"),
    "es": _words("mhm ajá sí si ok vale claro ya ah oh bueno eh"),
    "it": _words("mhm sì si ok va bene certo ah oh già eh"),
    "pt": _words("mhm sim ok certo tá claro ah oh pois bom"),
    "nl": _words("mhm hm ja ok oké goed precies klopt ah oh"),
}
"""What a listener says who does not want to speak."""

COMMANDS: Final = {
    "en": _words("stop wait no hold pause quiet enough sorry hey cancel"),
    "de": _words("stopp stop halt warte warten nein moment pause genug ruhe"),
    "fr": _words("stop arrête arrêtez attends attendez non pause assez pardon"),
    "es": _words("para pare alto espera espere no pausa basta perdón"),
    "it": _words("stop fermati ferma aspetta no pausa basta scusa"),
    "pt": _words("para pare espera espere não pausa basta chega desculpa"),
    "nl": _words("stop wacht nee pauze genoeg stil sorry"),
}
"""One word of these is an interruption, however short."""
