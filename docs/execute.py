"""Make stored outputs again: `python docs/execute.py`, or only those of some notebooks, given by their paths.

Execute each lesson and solution in its own folder, as a reader would, and store what it shows. What a cell
tagged nbval-ignore-output shows varies (a time, a widget's id), so what is stored for it stays, and a second
run changes nothing.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "RNNCOURSE_PROGRESS": "off", "JUPYTER_PREFER_ENV_PATH": "1"}
os.environ.pop("MPLBACKEND", None)  # a kernel would inherit it, and show no figure

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
VARIES = "nbval-ignore-output"


def execute(path):
    """Execute one notebook, and write it if its outputs have changed."""
    before, notebook = (nbformat.read(path, as_version=4) for _ in range(2))
    resources = {"metadata": {"path": str(path.parent)}}
    options = {"record_timing": False, "coalesce_streams": True}
    NotebookClient(notebook, timeout=1800, resources=resources, **options).execute()
    for old, new in zip(before.cells, notebook.cells, strict=True):
        if VARIES in old.metadata.get("tags", []):
            new.outputs = old.outputs
            for output in new.outputs:
                if "execution_count" in output:  # the number beside a result is that of its cell
                    output.execution_count = new.execution_count
    notebook.metadata = before.metadata
    if notebook != before:
        nbformat.write(notebook, path)
    print("changed  " if notebook != before else "the same ", path.relative_to(ROOT), flush=True)


if __name__ == "__main__":
    every = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(execute, [Path(word).resolve() for word in sys.argv[1:]] or sorted(every)))
