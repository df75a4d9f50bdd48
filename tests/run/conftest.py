from tests.studies.conftest import h, model, stimuli, traj

__all__ = ["h", "model", "stimuli", "traj"]
