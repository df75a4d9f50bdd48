from tests.running import depthscope, model_folder, run, table_file
from tests.studies.conftest import h, model, stimuli, traj

__all__ = ["depthscope", "h", "model", "model_folder", "run", "stimuli", "table_file", "traj"]
