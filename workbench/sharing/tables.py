"""Records as files: CSV or Parquet, one file a table."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pandas as pd

from workbench.records import Records


def csv(rows: pd.DataFrame) -> str:
    """A table as CSV; NaN and infinities are written as such, and read back as such."""
    return str(rows.to_csv(index=False, na_rep="nan", lineterminator="\n"))


def zipped(records: Records) -> bytes:
    """All tables that have rows, as CSV files in one archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for table, rows in records.items():
            if len(rows):
                archive.writestr(f"{table}.csv", csv(rows))
    return buffer.getvalue()


def save(records: Records, folder: Path, form: str = "csv") -> list[Path]:
    """Write every table into a folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for table, rows in records.items():
        if not len(rows):
            continue
        path = folder / f"{table}.{form}"
        if form == "parquet":
            rows.to_parquet(path, index=False)
        else:
            path.write_text(csv(rows), encoding="utf-8")
        files.append(path)
    return files
