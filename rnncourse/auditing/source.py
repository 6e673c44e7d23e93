"""The source line where a model's class sets an attribute, which no call leads to."""

import inspect
import re
from pathlib import Path

import torch

from rnncourse.auditing.subject import Subject
from rnncourse.auditing.tape import Place

TORCH = str(Path(torch.__file__).parent)


def place_of(s: Subject, name: str) -> Place | None:
    """Return the line `self.name = …` in the source of the module's class, if the source is available.

    What torch's own module sets, such as a Linear's weight, the user sets where that module is made.
    """
    path = re.sub(r"\[.*", "", name)
    owner, _, attribute = path.rpartition(".")
    module = s.probe.modules.get(owner)
    if module is None or not attribute:
        return None
    for part in (
        type(module),
        type(module).__init__,
    ):  # a class outside of sys.modules is found through its method
        try:
            lines, start = inspect.getsourcelines(part)
            file = inspect.getsourcefile(part) or ""
            break
        except (OSError, TypeError):
            continue
    else:
        return None
    if file.startswith(TORCH):
        return place_of(s, owner)
    own = re.escape(attribute)
    sets = re.compile(rf"self\.{own}\b[^=\n]*=(?!=)|self\.{own}\.append|register_\w+\(\s*[\"']{own}[\"']")
    found = [(start + k, line.strip()) for k, line in enumerate(lines) if sets.search(line)]
    inside = [pair for pair in found if "None" not in pair[1]] or found
    return Place(file, *inside[-1]) if inside else None
