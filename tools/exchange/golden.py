#!/usr/bin/env python3
"""Makes the files in crates/exchange/tests/data as other programs write them.

Needs numpy, pandas, polars and pyarrow:  python3 tools/exchange/golden.py
The values are drawn by a formula, so that the test knows them: component c of row r is (r * 8 + c + 1) / 64.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, DIMENSION = 5, 8
DATA = Path(__file__).resolve().parents[2] / "crates/exchange/tests/data"

embeddings = ((np.arange(ROWS * DIMENSION) + 1) / 64).astype(np.float32).reshape(ROWS, DIMENSION)
paths = [f"photos/{number} é.jpg" for number in range(ROWS)]
ids = [f"{number:064x}" for number in range(ROWS)]


def clip_retrieval(folder: Path) -> None:
    """As clip_retrieval/clip_inference/writer.py of clip-retrieval 2.45 writes them, in two parts."""
    for part, rows in [("0", slice(0, 3)), ("1", slice(3, ROWS))]:
        for name in ("img_emb", "metadata"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        np.save(folder / "img_emb" / f"img_emb_{part}.npy", embeddings[rows].astype(np.float16))
        frame = pd.DataFrame({"image_path": paths[rows], "caption": ["a"] * len(paths[rows])})
        frame.to_parquet(folder / "metadata" / f"metadata_{part}.parquet")


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({"path": paths, "embedding": list(embeddings)})
    frame.to_parquet(DATA / "pandas.parquet", row_group_size=2)
    # polars compresses with Zstandard.
    pl.DataFrame({"path": paths, "embedding": embeddings.tolist()}, schema_overrides={"embedding": pl.List(pl.Float32)}).write_parquet(DATA / "polars.parquet")
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(embeddings.astype(np.float16).ravel()), DIMENSION)
    table = pa.table({"id": pa.array(ids, pa.large_string()), "image_path": pa.array(paths).dictionary_encode(), "vector": fixed})
    pq.write_table(table, DATA / "fixed_half.parquet", compression="none", data_page_version="2.0")
    doubles = pa.array([None if row == 2 else list(map(float, embeddings[row])) for row in range(ROWS)])
    table = pa.table({"path": pa.array([None if row == 3 else paths[row] for row in range(ROWS)]), "embeddings": doubles})
    pq.write_table(table, DATA / "doubles_with_nulls.parquet", use_dictionary=["path"])
    np.savez(DATA / "plain.npz", embeddings=embeddings, paths=np.array(paths))
    np.savez_compressed(
        DATA / "compressed.npz",
        embeddings=embeddings.astype(np.float64),
        ids=np.array(ids, dtype="S"),
        paths=np.array([path.encode() for path in paths]),
        space="model@revision/preprocessing/8",
    )
    clip_retrieval(DATA / "clip_retrieval")


if __name__ == "__main__":
    main()
