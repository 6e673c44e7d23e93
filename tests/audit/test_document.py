"""docs/audit.md: its code runs and prints the lines below it, and each check has a section and an example."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import rnncourse
from rnncourse.auditing.run import ALL, FIRST

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
KINDS = [kind for check in (FIRST, *ALL) for kind in check.KINDS]
PARTS = re.findall(r"^```python\n(.*?)^```(?:\n```\n(.*?)^```)?", TEXT, re.MULTILINE | re.DOTALL)


def plain(text):
    """Without line breaks, and with any number as 0: other processors round otherwise."""
    return re.sub(r"\d+(\.\d+)?(e-?\d+)?", "0", " ".join(text.split()))


@pytest.fixture(scope="module")
def found():
    """The kinds of all findings of the examples, as they run."""
    return set()


@pytest.fixture(scope="module")
def names(found):
    def audit(*inputs, **options):
        report = rnncourse.audit(*inputs, **options)
        for finding in report:
            found.update([finding.kind, *(other.kind for other in finding.so)])
        return report

    names = {"__name__": "docs"}
    exec(compile(PARTS[0][0], "audit.md", "exec"), names)
    return names | {"rnncourse": SimpleNamespace(audit=audit)}


@pytest.mark.parametrize("part", range(1, len(PARTS)))
def test_an_example_prints_what_stands_below(names, part, capsys):
    code, said = PARTS[part]
    exec(compile(code, "audit.md", "exec"), names)
    printed = plain(capsys.readouterr().out)
    for line in said.splitlines():
        assert plain(line) in printed, line


def test_every_check_has_a_section():
    headings = " ".join(line for line in TEXT.splitlines() if line.startswith("### "))
    assert [kind for kind in KINDS if kind not in headings] == []


def test_every_check_has_an_example(names, found):
    for code, _ in PARTS[1:]:
        exec(compile(code, "audit.md", "exec"), names)
    assert [kind for kind in KINDS if kind not in found] == []
