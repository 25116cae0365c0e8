"""Fixtures of the tests of the project."""

import pytest

from tests.conftest import ROOT
from tests.project.installation import Installed, built


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    return built(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installed(tmp_path_factory, wheel):
    return Installed(tmp_path_factory.mktemp("empty"), wheel)
