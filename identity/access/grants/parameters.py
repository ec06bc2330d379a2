"""Parameters of a request, each at most once.

Spec: https://datatracker.ietf.org/doc/html/rfc6749#section-3.2
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from identity.access.errors import OAuthError, Refusal

_MOST = 60
_LONGEST = 16_384


class Parameters(Mapping[str, str]):
    """Names and values; a parameter without a value counts as left out."""

    def __init__(self, values: Mapping[str, str]) -> None:
        """Hold *values*."""
        self._values = {name: value for name, value in values.items() if value != ""}

    def __getitem__(self, name: str) -> str:
        """Return a value."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Give the names."""
        return iter(self._values)

    def __len__(self) -> int:
        """Count the parameters."""
        return len(self._values)

    def required(self, name: str) -> str:
        """Return the value of *name*.

        Raises:
            OAuthError: it is missing (invalid_request).
        """
        try:
            return self._values[name]
        except KeyError:
            raise OAuthError(Refusal.INVALID_REQUEST, f"{name} is required") from None


def read_parameters(encoded: str) -> Parameters:
    """Return the parameters in a query or a form.

    Raises:
        OAuthError: it is no form, or a parameter stands twice (invalid_request).
    """
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=_MOST, errors="strict")
    except ValueError:
        raise OAuthError(
            Refusal.INVALID_REQUEST, f"expected is a form of at most {_MOST} parameters in UTF-8"
        ) from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise OAuthError(Refusal.INVALID_REQUEST, "a parameter stands more than once")
    if any(len(value) > _LONGEST or "\0" in value for value in values.values()):
        raise OAuthError(Refusal.INVALID_REQUEST, f"a parameter has more than {_LONGEST} characters, or a null")
    return Parameters(values)
