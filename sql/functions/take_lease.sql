-- Makes the caller the one builder of a layer, unless another holds a lease that has not run out.
-- The clock is the database's alone. A row that another transaction has locked is in use, so it is skipped,
-- not waited for: its holder is renewing it, or writes the rows of its product. The token is drawn when the
-- row is ours, so tokens grow in the order of the leases.
create function mvm.take_lease(
  skycell text, layer text, selection text, host text, process_id integer, duration_s double precision
)
returns bigint
language sql volatile parallel unsafe
begin atomic
  insert into mvm.lease (skycell, layer, selection, host, process_id, acquired_at, heartbeat_at, expires_at)
  values (
    take_lease.skycell, take_lease.layer, take_lease.selection, take_lease.host, take_lease.process_id,
    '-infinity', '-infinity', '-infinity'
  )
  on conflict on constraint lease_pkey do nothing;

  update mvm.lease as taken set
    token = nextval('mvm.lease_token_seq'),
    host = take_lease.host,
    process_id = take_lease.process_id,
    acquired_at = clock_timestamp(),
    heartbeat_at = clock_timestamp(),
    expires_at = clock_timestamp() + make_interval(secs => take_lease.duration_s)
  where taken.token = (
    select l.token from mvm.lease as l
    where l.skycell = take_lease.skycell
      and l.layer = take_lease.layer
      and l.selection = take_lease.selection
      and l.expires_at <= clock_timestamp()
    for update skip locked
  )
  returning taken.token;
end;

comment on function mvm.take_lease is
  'Takes the lease of a layer for a time in seconds; its token, or null while another holds it';
