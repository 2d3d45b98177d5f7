"""`python -m dashboard.commands` is `callmeter`."""

import sys

from . import main

sys.exit(main())
