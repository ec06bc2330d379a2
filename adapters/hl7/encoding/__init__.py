"""HL7's encoding rules: a message as bytes, read without loss and written back byte for byte.

Spec: HL7 v2.8.2 chapter 2, 2.5 (message construction) to 2.7 (escape sequences).
"""

from adapters.hl7.encoding.batch import BatchFile, parse_file
from adapters.hl7.encoding.charsets import Charset
from adapters.hl7.encoding.delimiters import Delimiters
from adapters.hl7.encoding.location import Location
from adapters.hl7.encoding.message import Message
from adapters.hl7.encoding.segment import Component, Field, Repetition, Segment

__all__ = [
    "BatchFile",
    "Charset",
    "Component",
    "Delimiters",
    "Field",
    "Location",
    "Message",
    "Repetition",
    "Segment",
    "parse_file",
]
