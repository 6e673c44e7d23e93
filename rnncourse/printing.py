"""Make text that sys.stdout can show, whatever its encoding.

Redirected output on Windows is often cp1252, and in a bare container ASCII. Neither has ✓, so print would
raise.
"""

import codecs
import sys

WIDTH = 80  # characters in a line of text, as in a terminal

# Printed instead of a sign that the encoding lacks. Any other character is escaped, as on sys.stderr.
ASCII = {
    "✓": "OK",
    "✗": "X",
    "◐": "~",
    "○": "o",
    "·": "-",
    "…": "...",
    "–": "-",
    "−": "-",
    "×": "x",
    "⊙": "*",
    "±": "+-",
    "→": "->",
    "←": "<-",
    "›": ">",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "∞": "inf",
    "½": "1/2",
    "²": "^2",
    "ᵀ": "^T",
    "°": " degrees",
    "ρ": "rho",
    "§": "section",
    "σ": "sigma",
    "τ": "tau",
}
ERRORS = "rnncourse.ascii"


def printable(text: str) -> str:
    """Return the text, with the signs that sys.stdout cannot encode written in ASCII."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, ERRORS).decode(encoding)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Handle an error of `encode`: return the replacement text and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    written = (ASCII.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in signs)
    return "".join(written), error.end


codecs.register_error(ERRORS, _in_ascii)
