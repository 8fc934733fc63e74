"""gunicorn's settings in a checkout: `gunicorn -c docker/gunicorn.conf.py 'app:create_app()'`."""

import sys
from pathlib import Path

# gunicorn reads this file before it puts the project's folder on the path.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from localqa.api.gunicorn_conf import *  # noqa: E402, F403  (needs the path above; all of them are settings)
