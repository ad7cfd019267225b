-- Lengthens a lease from now on. One that has run out, but that nobody took, is renewed too: the token decides.
create function mvm.renew_lease(token bigint, duration_s double precision)
returns boolean
language sql volatile parallel unsafe
begin atomic
  with renewed as (
    update mvm.lease as l set
      heartbeat_at = clock_timestamp(),
      expires_at = clock_timestamp() + make_interval(secs => renew_lease.duration_s)
    where l.token = renew_lease.token
    returning l.token
  )
  select exists (select from renewed);
end;

comment on function mvm.renew_lease is
  'Renews a lease for a time in seconds; false when it is gone: taken over or released';
