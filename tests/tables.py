"""What stages wrote, to compare."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def tables_of(output: Path) -> dict[str, pa.Table]:
    """Every Parquet table below a folder, by its place; its files are joined in their order."""
    folders = {path.parent for path in output.rglob("*.parquet")}
    return {
        str(folder.relative_to(output)): pa.concat_tables(
            pq.read_table(path) for path in sorted(folder.glob("*.parquet"))
        )
        for folder in folders
    }
