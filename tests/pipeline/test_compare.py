import json
from pathlib import Path

import pytest
from test_register import prepare_model

from pipeline.compare import Row, compare, markdown, rank
from pipeline.errors import TrackingError
from pipeline.register import register
