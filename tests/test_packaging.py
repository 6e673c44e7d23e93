"""The wheel: what it holds, and what it does where torch and numpy are installed and nothing else is.

It is built and unpacked, and runs in a process whose sys.path has the standard library and the wheel alone;
another finder finds what torch and numpy require, and no other package.
"""

import email
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rnncourse
from rnncourse.extras import MissingExtraError, require

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "rnncourse"

# ---- the wheel

BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The folder with the unpacked wheel; as pip builds it, but without the network."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(PACKAGE, source / "rnncourse", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-c", BUILD, str(built)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stderr
    [file] = built.glob("*.whl")
    with zipfile.ZipFile(file) as packed:
        packed.extractall(built / "unpacked")
    return built / "unpacked"


def test_the_wheel_holds_the_package_and_its_metadata(wheel):
    [metadata] = wheel.glob("*.dist-info")
    installed = {path.relative_to(wheel) for path in wheel.rglob("*") if path.is_file()}
    sources = {path.relative_to(ROOT) for path in PACKAGE.rglob("*.py")} | {Path("rnncourse", "py.typed")}
    sources |= {path.relative_to(ROOT) for path in PACKAGE.glob("grading/report/templates/*")}
    sources |= {path.relative_to(ROOT) for path in PACKAGE.glob("data/files/*")} | {
        Path("rnncourse", "museum.md")
    }
    assert {path for path in installed if path.parts[0] != metadata.name} == sources
    said = email.message_from_string((metadata / "METADATA").read_text(encoding="utf-8"))
    assert said["Version"] == rnncourse.__version__
    needs = [Requirement(line) for line in said.get_all("Requires-Dist")]
    assert {need.name for need in needs if need.marker is None} == {"torch", "numpy"}
    assert "rnncourse = rnncourse.cli:main" in (metadata / "entry_points.txt").read_text(encoding="utf-8")
    assert (metadata / "licenses" / "LICENSE").exists()
    assert said.get_payload().startswith("# rnncourse\n")


def test_links_of_the_readme_lead_somewhere_from_a_package_index():
    absolute = runpy.run_path(str(ROOT / "setup.py"))["absolute"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"(!?)\[[^\[\]]*\]\(([^()\s]+)\)", absolute(readme, "https://example.org/course"))
    assert {url for picture, url in links if picture} >= {
        "https://example.org/course/raw/main/docs/trace.png"
    }
    relative = [url for _, url in links if not url.startswith(("https://", "#"))]
    assert relative == []
    assert absolute(readme, "") == readme


# ---- beside torch and numpy alone

ALONE = """
import json, sys
from importlib.machinery import PathFinder
wheel, folders, names = json.loads(sys.argv[1])
class Dependencies:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, folders) if name in names else None
sys.path.append(wheel)
sys.meta_path.append(Dependencies)
"""


def required_by(name):
    """The distributions that one requires, itself included, by their canonical names."""
    found, open_ends = {}, [name]
    while open_ends:
        name = canonicalize_name(open_ends.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # not for this platform
            continue
        needs = [Requirement(line) for line in found[name].requires or []]
        used = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
        open_ends += [need.name for need in used]
    return found


FOUND = required_by("torch") | required_by("numpy")
MODULES = [
    module
    for module, distributions in packages_distributions().items()
    if any(canonicalize_name(name) in FOUND for name in distributions)
]


def alone(wheel, code):
    """The command that runs code with the wheel, torch and numpy."""
    folders = sorted({str(one.locate_file("")) for one in FOUND.values()})
    arguments = json.dumps([str(wheel), folders, MODULES])
    return [sys.executable, "-S", "-P", "-c", ALONE + code, arguments]  # -S: no site-packages


def environment(**variables):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | {"RNNCOURSE_PROGRESS": "off"} | variables


SHOW_ALL = """
import torch
import rnncourse

torch.manual_seed(0)
theirs = torch.nn.LSTM(3, 4, num_layers=2, bidirectional=True)
ours = rnncourse.LSTM(3, 4, num_layers=2, bidirectional=True)
ours.load_state_dict(theirs.state_dict())
x = torch.randn(5, 2, 3)
output, (h_n, c_n) = ours(x)
torch.testing.assert_close(output, theirs(x)[0])
output.sum().backward()

print(rnncourse.explain(theirs))
print(rnncourse.explain(theirs, x, (h_n, c_n)))
print([rnncourse.explain(theirs, x, h_n)])
with rnncourse.trace(torch.nn.ModuleDict({"größe": theirs})) as t:
    theirs(x)
print(t)
with rnncourse.trace(ours) as t:
    ours(x)[0].sum().backward()
print(t[""], t.layer(0), t.layer(1).reverse, t.layer(1).reverse.grad, sep="\\n")

from rnncourse.checks.h_and_c import forget_bias as check
def raises(*arguments):
    raise ValueError("größe ✗")
for learner in [check.truth, raises, *map(check.made, check.mistakes)]:
    check(learner)
    check.example(learner)
print(rnncourse.progress())
print(rnncourse.reference.linear_backward.__name__)
assert not [name for name in ("matplotlib", "ipywidgets", "IPython") if name in sys.modules]
"""
IN_UTF_8 = ["✗ hx: expected a pair", "→ This call reads", "· output", "○ to do", "σ", "größe ✗"]
IN_CP1252 = ["X hx: expected a pair", "-> This call reads", "· output", "o to do", "sigma", "größe X"]
IN_ASCII = ["X hx: expected a pair", "-> This call reads", "- output", "o to do", r"gr\xf6\xdfe X"]


def check_shown(text, expected):
    assert "trace of ModuleDict: 1 recurrent module" in text
    assert text.splitlines()[-1] == "linear_backward"
    assert [words for words in expected if words not in text] == []
    assert "\\u" not in text


@pytest.mark.parametrize(("encoding", "expected"), [("cp1252", IN_CP1252), ("ascii", IN_ASCII)])
def test_the_library_alone_redirected(wheel, encoding, expected):
    done = subprocess.run(
        alone(wheel, SHOW_ALL), env=environment(PYTHONIOENCODING=encoding), capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    check_shown(done.stdout.decode(encoding), expected)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals in Python")
def test_the_library_alone_in_a_terminal(wheel):
    outer, inner = os.openpty()
    variables = environment(TERM="dumb", LC_ALL="C")  # for the locale C, Python takes UTF-8
    with subprocess.Popen(alone(wheel, SHOW_ALL), env=variables, stdout=inner, stderr=inner) as process:
        os.close(inner)
        shown = b""
        try:
            while part := os.read(outer, 4096):
                shown += part
        except OSError:  # Linux's way to say that the other side is closed
            pass
    os.close(outer)
    text = shown.decode().replace("\r\n", "\n")
    assert process.returncode == 0, text
    check_shown(text, IN_UTF_8)


WITHOUT_EXTRAS = """
import contextlib, io, json, pydoc
import rnncourse, rnncourse.cli
said = {}
for code in json.loads(sys.argv[2]):
    try:
        exec(code)
    except (AttributeError, ModuleNotFoundError) as error:
        said[code] = f"{type(error).__name__}: {error}"
told = io.StringIO()
with contextlib.redirect_stderr(told):
    code = rnncourse.cli.main(["grade", "submitted", "--out", "results"])
said["rnncourse grade"] = f"{code} {told.getvalue()}"
assert "GRUCell" in pydoc.render_doc(rnncourse)
assert not hasattr(rnncourse, "plots") and "plots" in dir(rnncourse)
print(json.dumps(said))
"""
PLOTS = 'plots need matplotlib: pip install "rnncourse[plots]"'
WIDGETS = 'widgets need ipywidgets, matplotlib: pip install "rnncourse[notebook]"'
TRAINING = 'training needs matplotlib, tqdm: pip install "rnncourse[notebook]"'
DIGITS = 'digits() needs sklearn: pip install "rnncourse[data]"'
SETUP = 'setup() needs {}: pip install "rnncourse[notebook]"'.format(
    ", ".join(name for name in ("matplotlib", "packaging") if name not in MODULES)
)
GRADERS = ["IPython", "distributed", "jinja2", "markupsafe", "matplotlib", "nbformat", "nbgrader"]
GRADERS += ["sqlalchemy", "tqdm", "traitlets"]
GRADING = 'grading needs {}: pip install "rnncourse[grading]"'.format(
    ", ".join(name for name in GRADERS if name not in MODULES)  # torch brings jinja2
)
SENTENCES = {
    "rnncourse.plots": f"AttributeError: {PLOTS}",
    "rnncourse.widgets": f"AttributeError: {WIDGETS}",
    "rnncourse.notebook": f"AttributeError: {SETUP}",
    "rnncourse.training": f"AttributeError: {TRAINING}",
    "rnncourse.data.digits()": f"MissingExtraError: {DIGITS}",
    "import rnncourse.plots": f"MissingExtraError: {PLOTS}",
    "from rnncourse import plots": f"MissingExtraError: {PLOTS}",
    "from rnncourse.plots.style import COLORS": f"MissingExtraError: {PLOTS}",
    "from rnncourse import widgets": f"MissingExtraError: {WIDGETS}",
    "from rnncourse.notebook import setup": f"MissingExtraError: {SETUP}",
    "import rnncourse.grading.classroom": f"MissingExtraError: {GRADING}",
    "rnncourse.nothing": "AttributeError: module 'rnncourse' has no attribute 'nothing'",
}


def test_each_missing_extra_is_named(wheel):
    command = [*alone(wheel, WITHOUT_EXTRAS), json.dumps(list(SENTENCES))]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    needs_linux = f"grading needs Linux, this is {sys.platform}: use a container or a virtual machine."
    refused = GRADING if sys.platform == "linux" else needs_linux
    assert said.pop("rnncourse grade") == f"2 rnncourse: {refused}\n"
    assert said == SENTENCES


def test_require_names_only_what_is_missing():
    require("json needs", "json", extra="none")
    with pytest.raises(MissingExtraError) as caught:
        require("both need", "no_such_a", "json", "no_such_b", extra="more")
    assert str(caught.value) == 'both need no_such_a, no_such_b: pip install "rnncourse[more]"'
    assert caught.value.name == "no_such_a"
