"""Row blocks: how a pass over a large array stays within the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

BLOCK_PIXELS = 1 << 17
"""Half a mebibyte per float32 array: the four or five arrays of a pass share a few mebibytes of cache."""


def row_blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Yield slices of rows, in order, that cover ``n_rows`` rows of ``n_columns`` pixels."""
    step = max(1, BLOCK_PIXELS // max(1, n_columns))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))
