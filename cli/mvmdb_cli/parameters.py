"""``mvmdb parameters``: the named sets of drizzle parameters and where their values come from."""

from __future__ import annotations

from typing import Annotated

import typer

from mvmdb.catalog.parameters import list_layer_parameters, list_parameter_rules, list_parameter_sets
from mvmdb.errors import NameFormatError
from mvmdb.names import LayerName, SkycellName
from mvmdb_cli.output import Form, Format, Json, print_rows
from mvmdb_cli.session import asking

parameters_app = typer.Typer(no_args_is_help=True, help="Named sets of drizzle parameters.")

_VALUE = {"parameter": "parameter", "value": "value"}
_CONDITIONS = {
    "instrument": "instrument",
    "detector": "detector",
    "filters": "filters",
    "min_mean_n_exposures": "mean n from",
    "below_mean_n_exposures": "mean n below",
}


@parameters_app.command("list")
def parameters_list(as_json: Json = False, form: Form = Format.TABLE) -> None:
    """List the parameter sets.

    Example: `mvmdb parameters list`
    """
    with asking() as connection:
        rows = list_parameter_sets(connection)
    print_rows(rows, {"parameter_set": "set", "description": "description"}, form=form, as_json=as_json)


@parameters_app.command("show")
def parameters_show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A set, like mvmdb or hap.")],
    skycell: Annotated[
        str | None, typer.Argument(metavar="SKYCELL", help="With LAYER: what the set gives to this layer.")
    ] = None,
    layer: Annotated[str | None, typer.Argument(metavar="LAYER", help="Like wfc3_ir_f160w_coarse.")] = None,
    as_json: Json = False,
    form: Form = Format.TABLE,
) -> None:
    """Show the rules of a parameter set with their sources, or the values that it gives to one layer.

    Of the rules that apply to a layer, the last one decides.

    Example: `mvmdb parameters show hap`
    """
    if (skycell is None) != (layer is None):
        raise NameFormatError("a skycell alone is no layer", hint="name a skycell and a layer, or neither")
    with asking() as connection:
        if skycell is None or layer is None:
            rules = list_parameter_rules(connection, name)
            print_rows(rules, _VALUE | _CONDITIONS | {"source": "source"}, form=form, as_json=as_json)
            return
        values = list_layer_parameters(connection, SkycellName.parse(skycell), LayerName.parse(layer), name)
    print_rows(values, _VALUE | {"source": "source"}, form=form, as_json=as_json)
