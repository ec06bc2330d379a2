"""The command ``stanforis``.

Exit codes: 0 done; 1 it could not be done, and the message says why; 2 wrong usage or a wrong setting; 3 done in part
(``load``: entries were refused; ``doctor`` and ``db check``: something has to be righted); 130 interrupted.
"""

from __future__ import annotations

import sys

from stanforis.errors import OperatorError
from stanforis.settings import SettingError


def main() -> None:
    """Run the command line and leave with its exit code."""
    # Imported here: whoever imports this package for its parts does without the command line's libraries.
    from stanforis.cli.application import application  # noqa: PLC0415 - see above

    try:
        application()
    except SettingError as error:
        _leave(error, 2)
    except OperatorError as error:
        _leave(error, 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _leave(error: OperatorError, code: int) -> None:
    sys.stderr.write(f"stanforis: {error}\n")
    sys.exit(code)
