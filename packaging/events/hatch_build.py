"""Metadata of the typed events' wheel: the addresses are those of the bridge's wheel."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class PublishedAddresses(MetadataHookInterface):
    """Fill in `urls`, which pyproject.toml names as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the field."""
        project = Path(self.root).parents[1]
        bridge = runpy.run_path(str(project / "hatch_build.py"))
        metadata["urls"] = bridge["urls"](*bridge["published_at"](project))
