"""``python -m depthscope``."""

import sys

from depthscope.cli.main import main

sys.exit(main())
