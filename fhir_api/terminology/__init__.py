"""Codes, code systems and value sets: which codes there are, and which value set they belong to.

Nothing here waits: a definition that has to be fetched first is told by ``NotAtHandError``.

Spec: https://hl7.org/fhir/R4/terminology-module.html
"""

from fhir_api.terminology.answer import Answer
from fhir_api.terminology.service import Terminology, core_terminology
from fhir_api.terminology.translation import Question, Translated

__all__ = ["Answer", "Question", "Terminology", "Translated", "core_terminology"]
