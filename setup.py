"""README as a package index shows it. All else is in pyproject.toml."""

import re
import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent


def absolute(text, repository):
    """Return Markdown with links into the repository made absolute; without an address they stay relative."""
    if not repository:
        return text
    for mark, kind in (("!", "raw"), ("", "blob")):
        link = rf"((?<!!){mark}\[(?:[^\[\]]|\[[^\[\]]*\])*\])\((?!https?://|#)([^()\s]+)\)"
        text = re.sub(link, rf"\1({repository}/{kind}/main/\2)", text)
    return text


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    setup(
        long_description=absolute(readme, project.get("urls", {}).get("Repository")),
        long_description_content_type="text/markdown",
    )
