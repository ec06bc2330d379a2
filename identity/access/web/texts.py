# ruff: noqa: RUF001 - the apostrophe of French and Kinyarwanda
"""What pages say, in English, French and Kinyarwanda."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_ENGLISH = {
    "language": "en",
    "sign_in": "Sign in",
    "name": "User name",
    "password": "Password",
    "code": "Code of your authenticator app (if you use one)",
    "not_signed_in": "Name, password or code do not match, or there were too many attempts. "
    "Check them and try again in 15 minutes.",
    "allow_title": "Allow access?",
    "asks": "asks for access to:",
    "signed_in_as": "You are signed in as",
    "allow": "Allow",
    "deny": "Do not allow",
    "choose_patient": "Choose a patient",
    "search": "Search",
    "no_patient": "No patient fits.",
    "choose": "Choose",
    "cannot_go_on": "This cannot go on",
    "closed": "The request is not valid (any more). Go back to the application and start again.",
    "device_title": "Connect a device",
    "device_code": "Code shown on the device",
    "device_warning": "Go on only if you started this on the device yourself.",
    "go_on": "Go on",
    "device_unknown": "This code is not known. Look at the device again.",
    "done": "Done. You can close this page.",
    "patient": "the record of one patient",
    "user": "all records you can see",
    "read": "read",
    "change": "create, change or delete",
    "all_types": "all kinds of entries",
    "offline": "access while you are not there, until you withdraw it",
    "who": "who you are",
    "only": "only entries with",
}
_FRENCH = {
    "language": "fr",
    "sign_in": "Se connecter",
    "name": "Nom d’utilisateur",
    "password": "Mot de passe",
    "code": "Code de votre application d’authentification (si vous en utilisez une)",
    "not_signed_in": "Le nom, le mot de passe ou le code ne correspondent pas, ou il y a eu trop d’essais. "
    "Vérifiez-les et réessayez dans 15 minutes.",
    "allow_title": "Autoriser l’accès ?",
    "asks": "demande l’accès à :",
    "signed_in_as": "Vous êtes connecté en tant que",
    "allow": "Autoriser",
    "deny": "Ne pas autoriser",
    "choose_patient": "Choisir un patient",
    "search": "Rechercher",
    "no_patient": "Aucun patient ne correspond.",
    "choose": "Choisir",
    "cannot_go_on": "Impossible de continuer",
    "closed": "La demande n’est pas ou plus valable. Retournez à l’application et recommencez.",
    "device_title": "Connecter un appareil",
    "device_code": "Code affiché sur l’appareil",
    "device_warning": "Ne continuez que si vous avez vous-même commencé sur l’appareil.",
    "go_on": "Continuer",
    "device_unknown": "Ce code est inconnu. Regardez de nouveau l’appareil.",
    "done": "C’est fait. Vous pouvez fermer cette page.",
    "patient": "le dossier d’un patient",
    "user": "tous les dossiers que vous pouvez voir",
    "read": "lire",
    "change": "créer, modifier ou supprimer",
    "all_types": "toutes sortes d’entrées",
    "offline": "un accès en votre absence, jusqu’à ce que vous le retiriez",
    "who": "votre identité",
    "only": "seulement les entrées avec",
}
_KINYARWANDA = {
    "language": "rw",
    "sign_in": "Injira",
    "name": "Izina ukoresha",
    "password": "Ijambo ry’ibanga",
    "code": "Kode ya porogaramu yemeza umwirondoro (niba uyikoresha)",
    "not_signed_in": "Izina, ijambo ry’ibanga cyangwa kode ntibihura, cyangwa wagerageje inshuro nyinshi. "
    "Bigenzure wongere ugerageze nyuma y’iminota 15.",
    "allow_title": "Wemera gutanga uburenganzira?",
    "asks": "irasaba uburenganzira kuri:",
    "signed_in_as": "Winjiye nka",
    "allow": "Emera",
    "deny": "Ntukemere",
    "choose_patient": "Hitamo umurwayi",
    "search": "Shakisha",
    "no_patient": "Nta murwayi ubonetse.",
    "choose": "Hitamo",
    "cannot_go_on": "Ntibishoboka gukomeza",
    "closed": "Ubusabe ntibugifite agaciro. Subira muri porogaramu wongere utangire.",
    "device_title": "Huza igikoresho",
    "device_code": "Kode igaragara ku gikoresho",
    "device_warning": "Komeza gusa niba ari wowe watangiriye ku gikoresho.",
    "go_on": "Komeza",
    "device_unknown": "Iyi kode ntizwi. Ongera urebe ku gikoresho.",
    "done": "Byarangiye. Ushobora gufunga uru rupapuro.",
    "patient": "dosiye y’umurwayi umwe",
    "user": "dosiye zose ushobora kubona",
    "read": "gusoma",
    "change": "kwandika, guhindura cyangwa gusiba",
    "all_types": "ubwoko bwose bw’amakuru",
    "offline": "uburenganzira igihe udahari, kugeza ubukuyeho",
    "who": "umwirondoro wawe",
    "only": "gusa amakuru afite",
}
TEXTS: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": _ENGLISH, "fr": _FRENCH, "rw": _KINYARWANDA})
_WISH = re.compile(r"\s*([a-z]{2})(?:-[a-z0-9-]*)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*", re.IGNORECASE)


def texts_for(accept_language: str) -> Mapping[str, str]:
    """Return the texts that fit the header ``Accept-Language`` best; English where none does."""
    wishes = [_WISH.fullmatch(each) for each in accept_language[:500].split(",")]
    weighed = [(float(wish[2] or 1), wish[1].lower()) for wish in wishes if wish and wish[1].lower() in TEXTS]
    best = max(weighed, key=lambda each: each[0], default=(1.0, "en"))
    return TEXTS[best[1]] if best[0] else _ENGLISH
