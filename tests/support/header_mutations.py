"""Damaged headers by seed: cards of a sound exposure with other values, types, names, or random bytes."""

from __future__ import annotations

import random

from tests.support.exposures import CARD_BYTES

_VALUES = (
    b"0", b"-1", b"1", b"2", b"3", b"9", b"10", b"300", b"9000", b"1000000000", b"99999999999999999999",
    b"-0.0", b"1E-30", b"1E5", b"1E30", b"1E400", b"-1E400", b"NaN", b"INF", b"0x1F", b"1.5D3", b"90.0",
    b"-90.0", b"91.0", b"360.0", b"T", b"F", b"''", b"' '", b"'N/A'", b"'SCI'", b"'DQ'", b"'LOOKUP'",
    b"'RA---TAN'", b"'DEC--TAN'", b"'RA---TAN-SIP'", b"'RA---ZPN'", b"'GLON-CAR'", b"'unclosed",
    b"(1.0, 2.0)", b"'../../etc/passwd'", b"'a''b'", b"'&'", b"", b"'IMAGE'", b"'BINTABLE'",
    b"'CLEAR'", b"'F606W_X'",
)  # fmt: skip
_NAMES = (
    b"A_ORDER", b"B_ORDER", b"A_9_0", b"B_0_9", b"WCSAXES", b"CPDIS1", b"D2IMDIS2", b"AXISCORR", b"PV1_1",
    b"LONPOLE", b"CD1_1", b"CD2_2", b"CRPIX1", b"CRVAL2", b"CTYPE1", b"NAXIS", b"NAXIS1", b"BITPIX",
    b"PCOUNT", b"EXTNAME", b"EXTVER", b"BSCALE", b"EXPTIME", b"END",
)  # fmt: skip


def mutate_headers(encoded: bytes, seed: int) -> bytes:
    """Return a FITS file with one to four of its header cards damaged, or random bytes in them changed."""
    rng = random.Random(seed)
    damaged = bytearray(encoded)
    cards = _card_positions(encoded)
    for _ in range(rng.randint(1, 4)):
        position = rng.choice(cards)
        if rng.random() < 0.1:
            for _ in range(rng.randint(1, 20)):
                damaged[position + rng.randrange(CARD_BYTES)] = rng.randrange(256)
        else:
            damaged[position : position + CARD_BYTES] = _damaged_card(
                bytes(damaged[position : position + CARD_BYTES]), rng
            )
    return bytes(damaged)


def _damaged_card(card: bytes, rng: random.Random) -> bytes:
    """Return a card with another value, another name, or another value indicator."""
    kind = rng.random()
    name, value = card[:8], card[10:]
    if kind < 0.75:
        value = rng.choice(_VALUES).rjust(20)
    elif kind < 0.9:
        name = rng.choice(_NAMES).ljust(8)
    else:
        return card[: rng.randrange(CARD_BYTES)].ljust(CARD_BYTES)
    return (name + b"= " + value).ljust(CARD_BYTES)[:CARD_BYTES]


def _card_positions(encoded: bytes) -> list[int]:
    """Return the positions of all cards with a value, of all headers."""
    return [i for i in range(0, len(encoded), CARD_BYTES) if encoded[i + 8 : i + 10] == b"= "]
