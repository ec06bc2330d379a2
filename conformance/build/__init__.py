"""Compiles the official R4 package into ``conformance/data``; run it as ``python -m conformance.build``.

Spec: https://hl7.org/fhir/R4/downloads.html
"""

from conformance.build.compiler import compile_package

__all__ = ["compile_package"]
