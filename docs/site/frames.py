"""Draw a lesson's widgets as still pictures, so that they can be moved on a page that has no kernel.

`python frames.py LESSON FOLDER` executes a lesson up to its last widget, moves each widget's main control
from end to end, saves what it shows, and prints {cell: drawn}. The other controls keep their first value.
"""

import ast
import contextlib
import io
import itertools
import json
import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import ipywidgets
from IPython.core.interactiveshell import InteractiveShell

# The controls that are moved on the page, by the function of rnncourse.widgets. The second varies fastest. A
# function with no control here shows its first picture; one that is not here is not drawn.
MOVED = {
    "batch_sizes": [],
    "dependency_grid": ["layer", "t"],
    "gate_sliders": [],
    "gru_sliders": ["a_z"],
    "index_grid": ["entry of", "index"],
    "matmuls": [],
    "parameter_map": [],
    "shape_explorer": [],
    "spectral_radius": ["ρ of W_hh"],
    "state_paths": [],
    "step_debugger": ["t"],
    "time_slider": ["t"],
    "truncation": ["K, steps"],
    "two_steps": ["u"],
    "unrolling": ["steps done"],
}
MOST = 24  # frames for one slider: a finer one is moved in larger steps


def function_of(cell):
    """Return the function of rnncourse.widgets that a cell ends with, if it is one that is drawn."""
    last = "".join(cell["source"]).strip().rpartition("\n")[2]
    name = last.removeprefix("widgets.").partition("(")[0]
    return name if last.startswith("widgets.") and name in MOVED else None


def parts(widget):
    """Yield a widget and all widgets inside it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from parts(child)


def settings(control):
    """Return the values that a control is set to."""
    if hasattr(control, "options"):
        return [value if not isinstance(value, tuple) else value[1] for value in control.options]
    count = round((control.max - control.min) / control.step) + 1
    stride = -(-count // MOST)
    return [control.min + n * control.step for n in range(0, count, stride)]


def states(controls):
    """Move the controls through all their values; yield what they are set to, as text."""
    if not controls:
        yield []
        return
    first, *rest = controls
    for value in settings(first):
        first.value = value
        text = f"{value:.2f}" if isinstance(value, float) else str(value)
        for others in states(rest):
            yield [f"{first.description} = {text}", *others]


def draw(widget, moved, folder, name):
    """Save what a widget shows in each of its states; return the data that a page needs to show it."""
    every = list(parts(widget))
    named = {part.description: part for part in every if getattr(part, "description", "")}
    controls = [named[description] for description in moved]
    start = [control.value for control in controls]
    pictures = [part for part in every if isinstance(part, ipywidgets.Image)]
    words = [part for part in every if isinstance(part, ipywidgets.HTML)]
    frames, at = [], 0
    for number, label in enumerate(states(controls)):
        files = []
        for n, picture in enumerate(pictures):
            files.append(f"{name}-{number}-{n}.png")
            (folder / files[-1]).write_bytes(picture.value)
        frames.append({"label": ", ".join(label), "files": files, "words": "".join(w.value for w in words)})
        if [control.value for control in controls] == start:
            at = number
    others = [d for d, part in named.items() if d not in moved and hasattr(part, "value")]
    return {"frames": frames, "start": at, "moved": ", ".join(moved), "others": others}


def needs_nothing(cell):
    """Return whether a widget's call uses no name from the lesson: its arguments are literals."""
    names = {node.id for node in ast.walk(ast.parse("".join(cell["source"]))) if isinstance(node, ast.Name)}
    return names == {"widgets"}


def draw_lesson(path, folder):
    """Execute a lesson as far as its widgets need it, and draw them."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = {n: cell for n, cell in enumerate(cells) if cell["cell_type"] == "code"}
    drawn = {n: name for n, cell in code.items() if (name := function_of(cell))}
    if not drawn:
        return {}
    if all(needs_nothing(code[n]) for n in drawn):  # then the first cell, which imports, is enough
        code = {n: cell for n, cell in code.items() if n in drawn or n == min(code)}
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(path.parent)
    shell, found = InteractiveShell.instance(), {}
    for n, cell in itertools.takewhile(lambda item: item[0] <= max(drawn), code.items()):
        with contextlib.redirect_stdout(io.StringIO()):
            done = shell.run_cell("".join(cell["source"]))
        if not done.success and "raises-exception" not in cell["metadata"].get("tags", []):
            raise SystemExit(f"{path.name}: cell {n} failed: {done.error_in_exec or done.error_before_exec}")
        if n in drawn:
            found[n] = draw(done.result, MOVED[drawn[n]], folder, f"cell-{n}")
    return found


if __name__ == "__main__":
    result = draw_lesson(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
    print(json.dumps(result))
