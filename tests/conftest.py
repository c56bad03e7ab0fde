"""What holds for every test: random examples are seeded, so that a build tells of the change and not of luck.

`HYPOTHESIS_PROFILE=default` looks for new examples instead.
"""

import os

from hypothesis import settings

settings.register_profile("seeded", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "seeded"))
