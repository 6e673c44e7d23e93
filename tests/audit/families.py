"""Families of models, each sound and with planted bugs, as people have reported them in public.

A family is a module of models/. Its `make(bug)` returns the model, its inputs and audit's options; with ""
the model is sound. BUGS lists the planted ones.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path

FAMILIES = sorted(
    path.stem for path in Path(__file__).with_name("models").glob("*.py") if path.stem != "__init__"
)


@dataclass(frozen=True)
class Bug:
    """A planted bug: its name in the family, the kind of the finding, a part of the line to be named.

    issue: where such a bug was reported. level: "?" for what may be meant.
    """

    name: str
    kind: str
    line: str = ""
    issue: str = ""
    level: str = "✗"


def family(name):
    return importlib.import_module(f"models.{name}")


SOUND = [(name, variant) for name in FAMILIES for variant in ("", *getattr(family(name), "ALSO_SOUND", ()))]
PLANTED = [(name, bug) for name in FAMILIES for bug in family(name).BUGS]
