"""Which paper an optimizer is from, as the package's own list of papers says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import distribution

from .reading import NAME

# Classes that the list has under another name.
LISTED_AS = {
    "AdaPNM": "PNM",
    "AdaTAM": "TAM",
    "AdamS": "Stable WD",
    "AdamWSN": "SNSM",
    "Alice": "RACS & Alice",
    "ApolloDQN": "Apollo",
    "DAdaptAdaGrad": "D-Adaptation",
    "DAdaptAdam": "D-Adaptation",
    "DAdaptAdan": "D-Adaptation",
    "DAdaptLion": "D-Adaptation",
    "DAdaptSGD": "D-Adaptation",
    "EmoFact": "EmoNavi",
    "EmoLynx": "EmoNavi",
    "GrokFastAdamW": "Grokfast",
    "QHM": "QHAdam",
    "RACS": "RACS & Alice",
    "SGDP": "AdamP",
    "ScalableShampoo": "Shampoo",
    "ScheduleFreeAdamW": "Schedule-Free",
    "ScheduleFreeRAdam": "Schedule-Free",
    "ScheduleFreeSGD": "Schedule-Free",
}

# What the list lacks, and where it links another paper.
RIGHT = {
    "AdaMax": "Kingma and Ba 2014, arXiv:1412.6980",
    "LARS": "You, Gitman and Ginsburg 2017, arXiv:1708.03888",
    "SGDSaI": "arXiv:2412.11768",
}

ROW = re.compile(
    r"^\|\s*(?P<name>[^|]+?)\s*\|\s*\*(?P<title>[^|]+)\*\s*\|[^|]*\|\s*(?:\[paper\]\((?P<link>[^)]*)\))?", re.M
)
ARXIV = re.compile(r"arxiv\.org/(?:abs|pdf)/(\d{4}\.\d{4,5})")


@dataclass(frozen=True)
class Papers:
    """Title and link by name, and the version of the package whose code is offered."""

    listed: dict[str, tuple[str, str]]
    version: str

    @staticmethod
    def installed() -> Papers:
        """Read from the description that the package was installed with."""
        package = distribution(NAME)
        rows = ROW.finditer(package.read_text("METADATA") or "")
        return Papers({row["name"]: (row["title"].strip(), row["link"] or "") for row in rows}, package.version)

    def reference(self, name: str, doc: str) -> str:
        """The paper as far as it is known, and whose code this is."""
        title, link = self.row(name)
        link = link or next(iter(re.findall(r"https://arxiv\.org/abs/\S+", doc)), "")
        number = ARXIV.search(link)
        where = RIGHT.get(name) or (f"arXiv:{number[1]}" if number else link)
        paper = [f'"{title}"'] if title else []
        return "; ".join([", ".join([*paper, *filter(None, [where])]), f"code: {NAME} {self.version}"]).lstrip("; ")

    def row(self, name: str) -> tuple[str, str]:
        """The row of that name; letters' case and hyphens differ between the list and the code."""
        wanted = LISTED_AS.get(name, name)
        if wanted in self.listed:
            return self.listed[wanted]
        return next((value for key, value in self.listed.items() if plain(key) == plain(wanted)), ("", ""))


@lru_cache(maxsize=1024)
def plain(name: str) -> str:
    """Letters and digits only, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
