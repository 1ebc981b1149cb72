"""What pyproject.toml cannot say: the papers' numbers lie beside the package, and an installation carries a copy."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("published", "events", "registry")


class WithData(build_py):
    """Builds the package with a copy of what ``companion.checkout`` finds in a checkout's ``data`` folder."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for name in SHIPPED:
                shutil.copytree(Path("data", name), Path(self.build_lib, "companion", "data", name), dirs_exist_ok=True)


setup(cmdclass={"build_py": WithData})
