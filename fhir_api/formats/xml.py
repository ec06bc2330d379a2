"""FHIR XML: lossless both ways.

Spec: https://hl7.org/fhir/R4/xml.html
"""

from fhir_api.formats.xml_reader import from_xml
from fhir_api.formats.xml_writer import to_xml

__all__ = ["from_xml", "to_xml"]
