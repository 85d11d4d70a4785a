"""Metadata of the wheel that depends on where the project is published: readme and addresses.

A package index shows README.md outside the repository, where its relative links lead nowhere. With
`REPOSITORY` in install_hints.py they become addresses of this version's files there, and the
metadata has `project.urls`. Without a public repository a relative link becomes plain text.
"""

import re
import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\[\]]*)\]\((?P<path>(?![a-z]+:|#)[^)\s]+)\)")
_PICTURE_LINK = re.compile(r"\[(?P<picture>!\[[^\]]*\]\([^)]*\))\]\((?![a-z]+:|#)[^)\s]+\)")
_PACKAGE = Path("src/magento_eventbridge")


class PublishedMetadata(MetadataHookInterface):
    """Fill in `readme` and `urls`, which pyproject.toml names as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the fields."""
        root = Path(self.root)
        repository, tag = published_at(root)
        text = (root / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": readme(text, repository, tag),
        }
        metadata["urls"] = urls(repository, tag)


def published_at(project: Path) -> tuple[str, str]:
    """Return the address of the public repository, or nothing, and the tag of this version."""
    repository = runpy.run_path(str(project / _PACKAGE / "install_hints.py"))["REPOSITORY"]
    version = runpy.run_path(str(project / _PACKAGE / "__init__.py"))["__version__"]
    return repository, f"v{version}"


def readme(text: str, repository: str, tag: str) -> str:
    """Return README.md with links that work outside the repository."""
    if not repository:
        text = _PICTURE_LINK.sub(lambda found: found["picture"], text)
        return _LINK.sub(lambda found: "" if found["image"] else found["text"], text)

    def absolute(found: re.Match[str]) -> str:
        kind = "raw" if found["image"] else "blob"
        return f"{found['image']}[{found['text']}]({repository}/{kind}/{tag}/{found['path']})"

    text = _LINK.sub(absolute, text)
    around_picture = re.compile(r"(\]\([^)]*\)\]\()(?![a-z]+:|#)([^)\s]+)\)")
    return around_picture.sub(rf"\g<1>{repository}/blob/{tag}/\g<2>)", text)


def urls(repository: str, tag: str) -> dict[str, str]:
    """Return the addresses that a package index shows; none without a public repository."""
    if not repository:
        return {}
    return {
        "Homepage": repository,
        "Documentation": f"{repository}/blob/{tag}/docs/index.md",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
        "Source": repository,
    }
