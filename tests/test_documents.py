"""What README and docs say is so: code runs, links lead somewhere, the lessons' table is complete."""

import re
from pathlib import Path

import pytest
import torch

import rnncourse

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = DOCUMENTS[0].read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_readme_code_runs():
    (code,) = blocks(README, "python")
    exec(compile(code, "README.md", "exec"), {})


def test_readme_quotes_the_error_as_it_is():
    ours = rnncourse.LSTM(10, 20, num_layers=2, bidirectional=True)
    state = torch.zeros(3, 4, 20)
    with pytest.raises(RuntimeError) as caught:
        ours(torch.randn(7, 3, 10), (state, state))
    assert str(caught.value) in " ".join(README.split())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    targets = re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8"))
    missing = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
    assert not missing


def test_readme_lists_every_lesson_and_exercise():
    there = [p.relative_to(ROOT).as_posix() for p in ROOT.glob("notebooks/*.ipynb")]
    there += [p.relative_to(ROOT).as_posix() for p in ROOT.glob("exercises/*/*.ipynb")]
    assert there
    assert [path for path in sorted(there) if f"]({path})" not in README] == []


def test_design_names_every_module():
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    modules = [path.name for path in (ROOT / "rnncourse").glob("*.py") if path.name != "__init__.py"]
    assert [name for name in modules if f"`{name}`" not in design] == []
