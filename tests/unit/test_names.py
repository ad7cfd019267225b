"""Names there and back, and what is said about wrong ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvmdb.errors import NameFormatError
from mvmdb.names import LayerName, ProductName, Scale, SkycellName, parse_rootname

EXAMPLE = SkycellName(1889, 7, 19)

# The table of multivisit_products.rst.
DOCUMENT = [
    ("wfc3_uvis_f475w", "hst_skycell-p1889x07y19_wfc3_uvis_f475w_all_drz.fits"),
    ("wfc3_ir_f105w_coarse", "hst_skycell-p1889x07y19_wfc3_ir_f105w_coarse-all_drz.fits"),
    ("wfc3_ir_f105w", "hst_skycell-p1889x07y19_wfc3_ir_f105w_all_drz.fits"),
    ("wfc3_ir_f125w_coarse", "hst_skycell-p1889x07y19_wfc3_ir_f125w_coarse-all_drz.fits"),
    ("wfc3_ir_f125w", "hst_skycell-p1889x07y19_wfc3_ir_f125w_all_drz.fits"),
    ("wfc3_ir_f160w_coarse", "hst_skycell-p1889x07y19_wfc3_ir_f160w_coarse-all_drz.fits"),
    ("wfc3_ir_f160w", "hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits"),
    ("acs_wfc_f850lp", "hst_skycell-p1889x07y19_acs_wfc_f850lp_all_drc.fits"),
    ("acs_wfc_f775w", "hst_skycell-p1889x07y19_acs_wfc_f775w_all_drc.fits"),
]

cells, columns = st.integers(0, 2643), st.integers(1, 21)
words = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
filters = st.lists(words, min_size=1, max_size=2).map("-".join)
layers = st.builds(LayerName, words, words, filters, st.sampled_from(["fine", "coarse"]))
skycells = st.builds(SkycellName, cells, columns, columns)


@given(cells, columns, columns)
def test_skycell_there_and_back(cell: int, x: int, y: int) -> None:
    text = f"p{cell:04d}x{x:02d}y{y:02d}"
    assert str(SkycellName(cell, x, y)) == text
    assert SkycellName.parse(text) == SkycellName(cell, x, y)


@pytest.mark.parametrize(
    "text", ["p1889x07y19", "skycell-p1889x07y19", " P1889X07Y19 ", "SKYCELL-p1889x07y19"]
)
def test_spellings_of_a_skycell(text: str) -> None:
    assert SkycellName.parse(text) == EXAMPLE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p1889", "'p1889' is not a skycell name"),
        ("p189x07y19", "is not a skycell name"),
        ("p1889x7y19", "is not a skycell name"),
        ("p1889x07y19_wfc3", "is not a skycell name"),
        ("", "is not a skycell name"),
        ("p\uff11889x07y19", "is not a skycell name"),
        ("p2644x07y19", "projection cell 2644 does not exist"),
        ("p1889x00y19", "skycell x00y19 does not exist"),
        ("p1889x07y22", "skycell x07y22 does not exist"),
    ],
)
def test_no_skycell(text: str, said: str) -> None:
    with pytest.raises(NameFormatError, match=said) as caught:
        SkycellName.parse(text)
    assert caught.value.hint


def test_negative_projection_cell() -> None:
    with pytest.raises(NameFormatError, match="projection cell -1 does not exist"):
        SkycellName(-1, 7, 19)


def test_skycells_sort_by_cell_then_column_then_row() -> None:
    names = ["p0002x01y01", "p0001x21y01", "p0001x02y21", "p0001x02y03"]
    assert [str(name) for name in sorted(map(SkycellName.parse, names))] == sorted(names)


@pytest.mark.parametrize(("layer", "file_name"), DOCUMENT)
def test_table_of_the_document(layer: str, file_name: str) -> None:
    name = LayerName.parse(layer)
    assert str(name) == layer
    suffix = "drc" if layer.startswith("acs") else "drz"
    product = ProductName(EXAMPLE, name, "all", suffix)
    assert str(product) == file_name
    assert product.stem == file_name.removesuffix(f"_{suffix}.fits")
    assert ProductName.parse(file_name) == product


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("wfc3_ir_f160w_coarse", ("wfc3", "ir", "f160w", "coarse")),
        ("WFC3_IR_F160W", ("wfc3", "ir", "f160w", "fine")),
        ("acs_wfc_f606w-pol0v", ("acs", "wfc", "f606w-pol0v", "fine")),
        (" wfpc2_pc_f555w ", ("wfpc2", "pc", "f555w", "fine")),
        ("acs_sbc_clear", ("acs", "sbc", "clear", "fine")),
    ],
)
def test_layer_names(text: str, parts: tuple[str, str, str, Scale]) -> None:
    assert LayerName.parse(text) == LayerName(*parts)


@pytest.mark.parametrize(
    "text", ["", "wfc3_ir", "wfc3_ir_f160w_medium", "wfc3_ir_f160w_coarse_x", "wfc3 ir f160w"]
)
def test_no_layer(text: str) -> None:
    with pytest.raises(NameFormatError, match="is not a layer name") as caught:
        LayerName.parse(text)
    assert caught.value.hint == "write it like wfc3_ir_f160w_coarse"


@pytest.mark.parametrize(
    "parts",
    [("WFC3", "ir", "f160w", "fine"), ("wfc3", "ir", "", "fine"), ("wfc3", "ir", "f160w", "medium")],
)
def test_layer_of_impossible_parts(parts: tuple[str, str, str, Scale]) -> None:
    with pytest.raises(NameFormatError, match="is not a layer name"):
        LayerName(*parts)


@given(layers)
def test_layer_there_and_back(layer: LayerName) -> None:
    assert LayerName.parse(str(layer)) == layer


@given(skycells, layers, words, st.sampled_from(["drz", "drc"]))
def test_product_there_and_back(skycell: SkycellName, layer: LayerName, selection: str, suffix: str) -> None:
    product = ProductName(skycell, layer, selection, "drc" if suffix == "drc" else "drz")
    assert ProductName.parse(str(product)) == product


@pytest.mark.parametrize(
    "text",
    [
        "hst_skycell-p1889x07y19_wfc3_ir_f160w_coarse-all_drz.fits.gz",
        "hst_skycell-p1889x07y19_wfc3_ir_f160w_drz.fits",
        "hst_skycell-p1889x07y19_wfc3_ir_f160w_all_flt.fits",
        ".hst_skycell-p1889x07y19_wfc3_ir_f160w_all_drz.fits",
        "hst_skycell-p2644x07y19_wfc3_ir_f160w_all_drz.fits",
    ],
)
def test_no_product(text: str) -> None:
    with pytest.raises(NameFormatError):
        ProductName.parse(text)


@pytest.mark.parametrize("text", ["ib6o03n9q", "IB6O03N9Q", " j94f05bgq\n"])
def test_root_names(text: str) -> None:
    assert parse_rootname(text) == text.strip().lower()


@pytest.mark.parametrize("text", ["", "ib6o03n9", "ib6o03n9qq", "1b6o03n9q", "ib6o03n9_", "ib6o03n9q_flt"])
def test_no_root_name(text: str) -> None:
    with pytest.raises(NameFormatError, match="is not a root name") as caught:
        parse_rootname(text)
    assert caught.value.hint == "nine letters and digits, like ib6o03n9q"
