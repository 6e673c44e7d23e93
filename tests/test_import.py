"""Importing rnncourse is cheap and changes nothing: what draws or shows comes in when asked for."""

import json
import subprocess
import sys

HEAVY = ["matplotlib", "ipywidgets", "IPython", "sklearn", "pandas", "nbformat", "jupyter_client"]
PROBE = """
import json, random, sys
import numpy, torch

def state():
    return [torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(),
            torch.random.get_rng_state().tolist(), random.getstate(), str(numpy.random.get_state())]

before = state()
import rnncourse
print(json.dumps({"modules": sorted(sys.modules), "changed": state() != before}))
"""


def after_import():
    said = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    return json.loads(said.stdout)


def test_import_brings_in_nothing_heavy_and_changes_nothing():
    found = after_import()
    assert "rnncourse" in found["modules"]
    assert [name for name in HEAVY if name in found["modules"]] == []
    assert not found["changed"]
