-- Calendar time of a modified Julian date (UTC; leap seconds are not resolved).
create function mvm.timestamp_of_mjd(mjd double precision)
returns timestamptz
language sql immutable strict parallel safe
return to_timestamp((mjd - 40587) * 86400);

comment on function mvm.timestamp_of_mjd is 'Time (UTC) of a modified Julian date in days';
