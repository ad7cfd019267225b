"""Which layers a colour picture shows."""

import numpy as np
import pytest

from mvmdb.names import LayerName
from mvmdb.pipeline.preview import Candidate, colour_layers, wavelength_angstrom


def candidate(
    name: str, wavelength: float, x0: int = 0, x1: int = 100, *, exptime_s: float = 100.0
) -> Candidate:
    observed = np.zeros((100, 100), dtype=bool)
    observed[:, x0:x1] = True
    return Candidate(LayerName.parse(name), wavelength, exptime_s, observed)


def chosen(*candidates: Candidate) -> list[str]:
    return [str(layer) for layer in colour_layers(candidates)]


def test_the_longest_wavelength_is_red() -> None:
    names = ("acs_wfc_f435w", "acs_wfc_f814w", "acs_wfc_f606w")
    found = chosen(*map(candidate, names, (4330.0, 8045.0, 5921.0)))
    assert found == ["acs_wfc_f814w", "acs_wfc_f606w", "acs_wfc_f435w"]


def test_layers_that_overlap_are_taken() -> None:
    three = [candidate(f"acs_wfc_f{k}w", 10.0 * k, 0, 50) for k in (435, 606, 814)]
    assert "acs_wfc_f330w" not in chosen(candidate("acs_wfc_f330w", 3300.0, 60, 100), *three)


def test_one_detector_counts_for_more_area() -> None:
    acs = [candidate(f"acs_wfc_f{k}w", 10.0 * k, 0, 50) for k in (435, 606, 814)]
    for end, infrared in ((60, False), (90, True)):
        others = [
            candidate(name, wavelength, 0, end)
            for name, wavelength in (("wfc3_ir_f160w", 15369.0), ("wfc3_uvis_f555w", 5308.0))
        ]
        wide = candidate("acs_wfc_f850lp", 9031.0, 0, end)
        assert ("wfc3_ir_f160w" in chosen(*acs, *others, wide)) is infrared


def test_neighbours_in_wavelength_are_not_taken_for_colours() -> None:
    pair = candidate("acs_wfc_f658n", 6584.0), candidate("acs_wfc_f625w", 6311.0)
    blue, red = candidate("acs_wfc_f435w", 4330.0), candidate("acs_wfc_f814w", 8045.0)
    found = chosen(*pair, blue, red)
    assert found[0] == "acs_wfc_f814w"
    assert found[2] == "acs_wfc_f435w"


def test_the_deeper_of_two_equals_is_taken() -> None:
    twins = [candidate(f"acs_wfc_f606w-pol{k}v", 5921.0, exptime_s=k + 1.0) for k in range(3)]
    ends = candidate("acs_wfc_f435w", 4330.0), candidate("acs_wfc_f814w", 8045.0)
    assert chosen(*twins, *ends)[1] == "acs_wfc_f606w-pol2v"


def test_fine_stands_for_both_scales_and_two_layers_suffice() -> None:
    found = chosen(
        candidate("wfc3_ir_f160w_coarse", 15369.0),
        candidate("wfc3_ir_f160w", 15369.0),
        candidate("wfc3_ir_f125w_coarse", 12486.0),
    )
    assert found == ["wfc3_ir_f160w", "wfc3_ir_f125w_coarse"]


def test_there_may_be_none() -> None:
    assert chosen() == []
    assert chosen(candidate("acs_wfc_f606w", 5921.0)) == []
    assert chosen(candidate("acs_wfc_f606w", 5921.0, 0, 50), candidate("acs_wfc_f814w", 8045.0, 50)) == []


@pytest.mark.parametrize(
    ("layer", "photplam", "expected"),
    [
        ("acs_wfc_f606w", 5921.1, 5921.1),
        ("acs_wfc_f606w-pol0v", None, 6060.0),
        ("wfc3_ir_f160w", None, 16000.0),
        ("wfc3_uvis_fq937n", None, 9370.0),
        ("acs_wfc_clear", None, 5000.0),
    ],
)
def test_wavelength(layer: str, photplam: float | None, expected: float) -> None:
    assert wavelength_angstrom(LayerName.parse(layer), photplam) == expected
