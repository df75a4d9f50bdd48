from tests.running import depthscope, model_folder, run, table_file

__all__ = ["depthscope", "model_folder", "run", "table_file"]
