"""What the optional parts need, and the sentence for what is not installed.

The library itself needs torch and numpy alone. A part that needs more calls `require` before its own imports.
"""

from importlib.util import find_spec


class MissingExtraError(ModuleNotFoundError):
    """A part of rnncourse needs packages that are not installed; the message says how to install them."""


def require(what: str, *modules: str, extra: str) -> None:
    """Check that modules are installed, without importing them.

    what: who needs them, with the verb: "plots need". extra: the extra of pyproject.toml that brings them.
    Raises MissingExtraError with a sentence such as: plots need matplotlib: pip install "rnncourse[plots]"
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        sentence = f'{what} {", ".join(missing)}: pip install "rnncourse[{extra}]"'
        raise MissingExtraError(sentence, name=missing[0])
