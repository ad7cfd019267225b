"""Builds the drizzle kernel (``cpp/``) with CMake while hatchling makes a wheel.

An editable install gets the compiled module beside its sources, a wheel gets it inside. Without a C++
compiler or the headers of Python both are made without it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = Path("mvmdb/mosaic")


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Run CMake, and hand what it makes to hatchling."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return the build tools that this machine lacks."""
        return [tool for tool in ("cmake", "ninja") if shutil.which(tool) is None]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the kernel before the wheel is packed."""
        root = Path(self.root)
        module = self._build(root)
        if module is None:
            self.app.display_warning("no C++ compiler or no Python.h: installed without the compiled kernel")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version == "editable":
            # a new file, not new bytes in the old one, which a running process may have mapped
            waiting = root / PACKAGE / f".{module.name}"
            shutil.copy(module, waiting)
            waiting.replace(root / PACKAGE / module.name)
        else:
            build_data["force_include"][str(module)] = str(PACKAGE / module.name)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what CMake made, when the wheel is packed."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def _build(self, root: Path) -> Path | None:
        """Return the compiled module, or None where there is no compiler or no Python.h."""
        self._directory = tempfile.mkdtemp(prefix="mvmdb-kernel-")
        python = f"-DPython_EXECUTABLE={sys.executable}"
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        self._cmake("-S", str(root), "-B", self._directory, *generator, python)
        self._cmake("--build", self._directory)
        self._cmake("--install", self._directory, "--prefix", f"{self._directory}/installed")
        return next(Path(self._directory, "installed").rglob("_kernel*"), None)

    def _cmake(self, *arguments: str) -> None:
        """Run CMake; its output is shown by a failing or a verbose build."""
        subprocess.run(["cmake", *arguments], check=True)
