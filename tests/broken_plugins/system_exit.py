"""Wants to end the whole program."""

import sys

sys.exit("I am a script")
