"""A finding sends its reader to a lesson that there is."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_lesson_that_is_named_is_there():
    source = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("rnncourse/auditing/**/*.py"))
    named = set(re.findall(r'lesson="(\d\d)"', source))
    there = {path.name[:2] for path in ROOT.glob("notebooks/*.ipynb")}
    assert len(named) > 5
    assert named <= there
