"""The conditions of mapping rows: parsed once, and asked of a message as closures.

Grammar (words in any case; a leading ``IF`` is read over)::

    any        = all { OR all }
    all        = factor { AND factor }
    factor     = ( any ) | [ operand ] [ test ]
    operand    = PID | PID-3 | PID-3.1 | CWE.2
    test       = [NOT] VALUED | IS EMPTY | DOES NOT EXIST
               | [NOT] EQUALS value | [NOT] IN ( value, … )
               | COUNT comparison number | LENGTH comparison number
    value      = "text" | operand
    comparison = EQUALS | GREATER THAN [OR EQUALS] | LESS THAN [OR EQUALS] | = | > | <

``IS "x"`` is ``EQUALS "x"``. An operand without a test has that of the next one (``PID-33 AND PID-34 VALUED``); a test
without an operand asks about the one before it, or else about the row's own place.
"""

from mappings.conditions.compiler import Source, compile_condition
from mappings.conditions.model import All, Any, Condition, Kind, Operand, Question
from mappings.conditions.parser import parse_condition

__all__ = [
    "All",
    "Any",
    "Condition",
    "Kind",
    "Operand",
    "Question",
    "Source",
    "compile_condition",
    "parse_condition",
]
