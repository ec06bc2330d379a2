"""What each version of HL7 v2 defines: message structures, segments, data types, tables; compiled from hl7apy.

Spec: HL7 v2.8.2 chapter 2, 2.5 and appendix A.
"""

from adapters.hl7.structures.grouping import Group, group
from adapters.hl7.structures.library import VERSIONS, structure_of, structures, version_of
from adapters.hl7.structures.rows import FieldRow, Member, Part, Structures, Table

__all__ = [
    "VERSIONS",
    "FieldRow",
    "Group",
    "Member",
    "Part",
    "Structures",
    "Table",
    "group",
    "structure_of",
    "structures",
    "version_of",
]
