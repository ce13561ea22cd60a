"""Fails while it is imported, with an error that cannot even be written."""


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


raise Unspeakable
