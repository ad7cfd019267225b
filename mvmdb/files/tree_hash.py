"""The hash of a product file: SHA-256 as a tree, pieces of 1 MiB joined in pairs.

A plain SHA-256 is taken from the first byte to the last, by one core. A product is drawn in strips, by
several, and its headers come first in the file but are known last. Pieces can be hashed in any order, as they
are written. Of a file of one piece both hashes are the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import BinaryIO

PIECE_BYTES = 1 << 20


def leaf(piece: bytes | memoryview) -> bytes:
    """Return the hash of a piece."""
    return hashlib.sha256(piece).digest()


def joined(leaves: Iterable[bytes]) -> str:
    """Return the hash of a file from those of its pieces, in order.

    Notes
    -----
    Two neighbours are hashed together, then the results, until one is left; a last one without neighbour goes
    up as it is. That is the tree hash of Amazon Glacier, which ``botocore.utils.calculate_tree_hash`` gives.
    """
    hashes = list(leaves) or [leaf(b"")]
    while len(hashes) > 1:
        pairs = (hashes[first : first + 2] for first in range(0, len(hashes), 2))
        hashes = [leaf(b"".join(pair)) if len(pair) == 2 else pair[0] for pair in pairs]
    return hashes[0].hex()


def stream_has_sha256(stream: BinaryIO, sha256: str) -> bool:
    """Tell whether what a stream still gives has a hash, this one or the plain one."""
    plain, leaves = hashlib.sha256(), []
    while piece := _piece(stream):
        plain.update(piece)
        leaves.append(leaf(piece))
    return sha256 in (joined(leaves), plain.hexdigest())


def _piece(stream: BinaryIO) -> bytes:
    """Return the next piece of a stream, which may give less than it is asked for before its end."""
    parts, n_missing = [], PIECE_BYTES
    while n_missing and (part := stream.read(n_missing)):
        parts.append(part)
        n_missing -= len(part)
    return b"".join(parts)
