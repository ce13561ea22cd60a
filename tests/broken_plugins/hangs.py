"""Takes long to import; the test that loads it decides how long."""

import os
import time

from workbench import Surface, hookimpl

time.sleep(float(os.environ.get("HANGS_FOR", "0")))


@hookimpl
def register_surfaces(register):
    register(Surface("after_the_wait", lambda x, y: x))
