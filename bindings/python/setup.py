"""Names a wheel by its platform if the C library lies in the package. All else is in pyproject.toml."""

from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel

HOLDS_LIBRARY = any(Path(__file__).parent.glob("src/oaic/liboaic.*"))


class Package(Distribution):
    """A package that is of one platform if it holds the library."""

    def has_ext_modules(self) -> bool:
        """Whether it is."""
        return HOLDS_LIBRARY


class Wheel(bdist_wheel):
    """A wheel for any Python: the library knows nothing of Python's ABI."""

    def get_tag(self) -> tuple[str, str, str]:
        """The platform alone counts."""
        return "py3", "none", super().get_tag()[2]


setup(distclass=Package, cmdclass={"bdist_wheel": Wheel})
