"""What README and docs say is so: code runs, links lead somewhere, the lessons' table is complete."""

import re
from pathlib import Path

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import rnncourse

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


class Tagger(torch.nn.Module):
    """The reader's own model, of which README says that the LSTM is its encoder."""

    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(50, 8)
        options = {"num_layers": 3, "bidirectional": True, "dropout": 0.3, "batch_first": True}
        self.encoder = torch.nn.LSTM(8, 12, **options)

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embed(tokens), lengths, batch_first=True, enforce_sorted=False)
        return self.encoder(packed)[0].data


class TornTagger(Tagger):
    """The one of which README shows what an audit finds: a view where a transpose was meant."""

    def forward(self, tokens, lengths):
        packed = pack_padded_sequence(self.embed(tokens), lengths, batch_first=True, enforce_sorted=False)
        output, _ = pad_packed_sequence(self.encoder(packed)[0])  # (T, B, 24)
        output = output.contiguous().view(*tokens.shape, -1)
        return output


def test_readme_code_runs(capsys):
    known = {"model": Tagger(), "tokens": torch.randint(50, (4, 9)), "lengths": torch.tensor([5, 9, 2, 7])}
    known["tagger"] = TornTagger()
    code = blocks(README, "python")
    assert len(code) == 4
    for block in code:
        exec(compile(block, "README.md", "exec"), known)
    title, columns, *rest = capsys.readouterr().out.splitlines()
    assert f"{title}\n{columns}\n" in README
    assert known["t"]["encoder"].layer(1).reverse.grad.f.shape == (9, 4, 12)
    assert known["t"]["encoder"].max_error < 1e-6
    slip = rnncourse.explain(known["lstm"], torch.randn(4, 9, 8), torch.zeros(4, 6, 12))
    assert next(line[2:] for line in README.splitlines() if line.startswith("# ✗")) in " ".join(
        str(slip).split()
    )

    [finding] = known["report"].wrong
    shown = README[README.index("✗ Row") :]
    assert without_numbers(f"✗ {finding.text} {finding.by},") == without_numbers(shown.splitlines()[0])
    assert shown.splitlines()[1].split("  ")[-1] == finding.where.code
    assert any(line.startswith("✗ Row") for line in rest)


def without_numbers(text):
    return re.sub(r"\d+(\.\d+)?", "0", text)


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


@pytest.mark.parametrize("package", ["checks/framework", "explaining", "tracing"])
def test_the_list_in_a_packages_docstring_has_each_of_its_modules_once(package):
    folder = ROOT / "rnncourse" / package
    docstring = (folder / "__init__.py").read_text(encoding="utf-8").split('"""')[1]
    lines = re.findall(r"^    .*", docstring, re.MULTILINE)
    listed = re.findall(r"\b\w+\.py\b", "\n".join(lines))
    assert sorted(listed) == sorted(path.name for path in folder.glob("[!_]*.py"))
