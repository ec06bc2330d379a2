"""What is wrong with mapping rows."""


class MappingError(ValueError):
    """A row or file cannot be used; the text says which, what was found and what was expected."""
