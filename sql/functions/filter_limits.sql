-- The wavelengths that crossed filters let through are those that each of them does; polarisers count as clear.
create function mvm.filter_limits(instrument text, detector text, filter text)
returns table (min_m double precision, max_m double precision)
language sql stable parallel safe rows 1
begin atomic
  select
    case when bool_and(band.min_angstrom is not null) then max(band.min_angstrom) * 1e-10 end,
    case when bool_and(band.max_angstrom is not null) then min(band.max_angstrom) * 1e-10 end
  from string_to_table(filter_limits.filter, '-') as part (filter)
  left join mvm.filter_band as band
    on band.instrument = filter_limits.instrument::citext
    and band.detector = filter_limits.detector::citext
    and band.filter = part.filter::citext
  where part.filter not like 'pol%';
end;

comment on function mvm.filter_limits is
  'Shortest and longest wavelength (vacuum, metres) that a filter or crossed filters let through; null where not known';
