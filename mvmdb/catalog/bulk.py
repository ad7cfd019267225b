"""Footprint tables merged into the catalogue, set by set; the same table again changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

MERGE_ROWS = 50_000
"""Rows merged by one statement, which bounds what the server keeps for its triggers."""

_WITHHOLD = """
with judged as (
  select
    rootname,
    case
      when bool_or(reason is not null)
        then 'another chip of the exposure was refused, line ' || min(line) filter (where reason is not null)
      when not bool_and(is_chip)
        then 'the exposure stands there both as a whole and chip by chip'
      when row(min(instrument), min(detector), min(filter), min(exptime_s), min(start_mjd), min(end_mjd))
          <> row(max(instrument), max(detector), max(filter), max(exptime_s), max(start_mjd), max(end_mjd))
        or row(min(target_name), min(proposal_id), min(findings))
          <> row(max(target_name), max(proposal_id), max(findings))
        then 'the chips of the exposure disagree on instrument, filter, times, target, proposal or findings'
      when greatest(
        max(corner[1]) - min(corner[1]), max(corner[2]) - min(corner[2]), max(corner[3]) - min(corner[3])
      ) > 0.2
        then 'the chips of the exposure lie more than 10 degrees apart'
    end as reason
  from footprint_row
  left join lateral (
    select ST_PointN(ST_ExteriorRing(ST_GeometryN(footprint::geometry, 1)), 1) as first
  ) as vertex on true
  cross join lateral (
    select array[
      cosd(ST_Y(first)) * cosd(ST_X(first)), cosd(ST_Y(first)) * sind(ST_X(first)), sind(ST_Y(first))
    ]
  ) as unit (corner)
  where rootname in (select rootname from footprint_row where is_chip)
  group by rootname
)
update footprint_row as r
set reason = judged.reason
from judged
where r.rootname = judged.rootname and judged.reason is not null and r.reason is null"""

_MARK_REPEATED = """
with placed as (
  select
    row_number,
    row_number() over same as place,
    first_value(content_sha256) over same as first_sha256,
    first_value(line) over same as first_line,
    first_value(file_number) over same as first_file
  from footprint_row
  where reason is null
  window same as (partition by rootname, chip order by row_number)
)
update footprint_row as r
set
  is_repeated = r.content_sha256 = placed.first_sha256,
  reason = case when r.content_sha256 <> placed.first_sha256 then
    format('differs from line %s%s, which bears the same name', placed.first_line,
      case when r.file_number <> placed.first_file then ' of ' || file.file_path else '' end)
  end
from placed
join footprint_file as file on file.file_number = placed.first_file
where placed.place > 1 and r.row_number = placed.row_number"""

_GATHER = """
create temporary table footprint_exposure on commit drop as
select
  row_number, rootname, instrument, detector, filter, exptime_s, start_mjd, end_mjd, target_name, proposal_id,
  wcsname, findings, content_sha256, footprint,
  null::integer[] as chips, null::text[] as wcsnames
from footprint_row
where reason is null and not is_repeated and not is_chip
union all
select
  min(row_number), rootname, min(instrument), min(detector), min(filter), min(exptime_s), min(start_mjd),
  min(end_mjd), min(target_name), min(proposal_id), (array_agg(wcsname order by chip))[1], min(findings),
  encode(sha256(convert_to(string_agg(content_sha256, ' ' order by chip), 'UTF8')), 'hex'),
  ST_CollectionExtract(ST_Collect(footprint::geometry order by chip), 3)::geography(multipolygon, 104047),
  array_agg(chip order by chip), array_agg(wcsname order by chip)
from footprint_row
where reason is null and not is_repeated and is_chip
group by rootname"""

_COMPARE = """
create temporary table footprint_change on commit drop as
select
  e.row_number,
  case
    when same.is_current or (same.exposure_id is not null and known.has_file) then 'unchanged'
    when known.rootname is null then 'new'
    when known.has_file then 'outranked'
    else 'revised'
  end as outcome,
  coalesce(known.newest, 0) + 1 as revision,
  known.current_id,
  same.exposure_id as same_id
from footprint_exposure as e
left join mvm.exposure as same on same.rootname = e.rootname and same.file_sha256 = e.content_sha256
left join (
  select
    rootname,
    max(revision) as newest,
    max(exposure_id) filter (where is_current) as current_id,
    bool_or(is_current and file_path is not null) as has_file
  from mvm.exposure
  where rootname in (select rootname from footprint_exposure)
  group by rootname
) as known on known.rootname = e.rootname"""

_COUNT = """
select
  (select count(*) from footprint_row) as n_rows,
  (select count(*) from footprint_row where reason is not null) as n_rejected,
  (select count(*) from footprint_row where is_repeated and reason is null) as n_repeated,
  count(*) as n_exposures,
  count(*) filter (where outcome = 'new') as n_new,
  count(*) filter (where outcome = 'unchanged') as n_unchanged,
  count(*) filter (where outcome = 'revised') as n_revised,
  count(*) filter (where outcome = 'outranked') as n_outranked
from footprint_change"""

_RETIRE = """
update mvm.exposure as x
set is_current = false
from footprint_change as c
where c.row_number between :first and :last and c.outcome = 'revised' and x.exposure_id = c.current_id"""

_RESTORE = """
update mvm.exposure as x
set is_current = true
from footprint_change as c
where c.row_number between :first and :last and c.outcome = 'revised' and x.exposure_id = c.same_id"""

_INSERT = """
with arrived as (
  insert into mvm.exposure (
    rootname, revision, is_current, visit, instrument, detector, filter, exptime_s, start_mjd, end_mjd,
    target_name, proposal_id, wcsname, findings, file_type, file_sha256, footprint
  )
  select
    e.rootname, c.revision, c.outcome <> 'outranked',
    case when e.instrument in ('acs', 'wfc3', 'wfpc2') then left(e.rootname, 6) end,
    e.instrument, e.detector, e.filter, e.exptime_s, e.start_mjd, e.end_mjd, e.target_name,
    e.proposal_id, e.wcsname, e.findings::jsonb, 'footprint', e.content_sha256, e.footprint
  from footprint_change as c
  join footprint_exposure as e on e.row_number = c.row_number
  where c.row_number between :first and :last
    and c.outcome <> 'unchanged' and c.same_id is null
  returning exposure_id, rootname
)
insert into mvm.chip (exposure_id, chip, part, wcsname)
select arrived.exposure_id, coalesce(e.chips[part], part), part, coalesce(e.wcsnames[part], e.wcsname)
from arrived
join footprint_exposure as e on e.rootname = arrived.rootname and e.row_number between :first and :last
cross join generate_series(1, ST_NumGeometries(e.footprint::geometry)) as part"""

OnMerged = Callable[[int], None]
"""Called with the number of rows that have been merged so far."""


@dataclass(frozen=True)
class BulkCounts:
    """What a table of footprints holds, compared with the catalogue."""

    n_rows: int
    """Rows of all tables."""
    n_rejected: int
    """Rows that were refused."""
    n_repeated: int
    """Rows that say the same as an earlier one."""
    n_exposures: int
    """Exposures that the other rows tell of; each is new, unchanged, revised or outranked."""
    n_new: int
    """Exposures never seen before."""
    n_unchanged: int
    """Exposures of which this very content is known."""
    n_revised: int
    """Exposures whose footprint or facts have changed."""
    n_outranked: int
    """Exposures whose file is known, and stays in force."""


@dataclass(frozen=True)
class Rejection:
    """A row that was refused, and why."""

    file_path: str
    """The table, absolute path."""
    line: int
    """Last line of the row in a CSV file; else its number in the table, from 1."""
    identifier: str
    """As the table has it; empty where it has none."""
    reason: str
    """Why the row was refused."""


def hold_exposures(connection: Connection) -> None:
    """Keep others from recording exposures until the transaction ends; asking goes on."""
    connection.execute(text("lock table mvm.exposure in share row exclusive mode"))


def compare_staged(connection: Connection) -> BulkCounts:
    """Judge the staged rows together, gather them into exposures and compare these with the catalogue.

    Parameters
    ----------
    connection
        The transaction in which :func:`mvmdb.catalog.staging.stage_footprints` ran.

    Notes
    -----
    A row that repeats another one is passed over when it says the same, and refused when not. Of an
    exposure with a row for each chip, all rows are refused when one is, or when they disagree.
    """
    for statement in (_WITHHOLD, _MARK_REPEATED, _GATHER):
        connection.execute(text(statement))
    connection.execute(text("create index on footprint_exposure (row_number)"))
    connection.execute(text("analyze footprint_exposure"))
    connection.execute(text(_COMPARE))
    connection.execute(text("create index on footprint_change (row_number)"))
    connection.execute(text("analyze footprint_change"))
    return BulkCounts(**connection.execute(text(_COUNT)).mappings().one())


def merge_staged(connection: Connection, counts: BulkCounts, on_merged: OnMerged | None = None) -> None:
    """Write what :func:`compare_staged` found new or changed; the trigger places the footprints.

    Parameters
    ----------
    connection
        The same transaction, holding :func:`hold_exposures` since before the comparison.
    counts
        What the comparison found.
    on_merged
        Told about progress.

    Notes
    -----
    A content that was in force before, and is offered again, is put in force again. A footprint that
    is outranked by a file is kept as a revision, as is a file that is outranked by another.
    """
    if counts.n_new + counts.n_revised + counts.n_outranked:
        for first in range(1, counts.n_rows + 1, MERGE_ROWS):
            last = min(first + MERGE_ROWS - 1, counts.n_rows)
            for statement in (_RETIRE, _RESTORE, _INSERT):
                connection.execute(text(statement), {"first": first, "last": last})
            if on_merged is not None:
                on_merged(last)
        connection.execute(text("analyze mvm.exposure, mvm.chip, mvm.placement"))


def stream_rejections(connection: Connection) -> Iterator[Rejection]:
    """Yield the refused rows of this transaction in the order of the tables, a few in memory at a time."""
    query = text(
        "select file.file_path, r.line, r.identifier, r.reason"
        " from footprint_row as r join footprint_file as file on file.file_number = r.file_number"
        " where r.reason is not null order by r.file_number, r.line"
    )
    for row in connection.execute(query, execution_options={"stream_results": True}).mappings():
        yield Rejection(**row)
