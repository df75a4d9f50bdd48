"""A browser for the page of a sound: the one of the pages of runs."""

from tests.report.page.conftest import visit  # noqa: F401 - a fixture
