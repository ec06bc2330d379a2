"""The kind of error that an operator can right."""


class OperatorError(Exception):
    """Something cannot be done here; the text says what, why and how to right it."""
