from tests.running import depthscope, model_folder, run, table_file
from tests.studies.conftest import stimuli

__all__ = ["depthscope", "model_folder", "run", "stimuli", "table_file"]
