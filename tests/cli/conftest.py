from tests.studies.conftest import stimuli

__all__ = ["stimuli"]
