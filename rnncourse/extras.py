"""Check what the optional parts need, and say how to install what is missing.

The library itself needs only torch and numpy. A part that needs more calls `require` before its own imports.
"""

from importlib.util import find_spec


class MissingExtraError(ModuleNotFoundError):
    """A part of rnncourse needs packages that are not installed; the message says how to install them."""


def require(what: str, *modules: str, extra: str) -> None:
    """Check that modules are installed, without importing them.

    Args:
        what: who needs them, with the verb: "plots need".
        *modules: the names of the modules.
        extra: the extra of pyproject.toml that installs them.

    Raises:
        MissingExtraError: a module is missing. The message is a sentence such as: plots need matplotlib: pip
            install "rnncourse[plots]"
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        sentence = f'{what} {", ".join(missing)}: pip install "rnncourse[{extra}]"'
        raise MissingExtraError(sentence, name=missing[0])
