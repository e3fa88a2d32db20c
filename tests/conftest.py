"""Makes tests/lib importable and gives every test its fixtures."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lib.fixtures import *  # noqa: E402,F401,F403 - pytest finds fixtures by their names here
