from tests.report.page.conftest import visit

__all__ = ["visit"]
