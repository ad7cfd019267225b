-- Ends a lease, so that the next builder need not wait for it to run out.
create function mvm.release_lease(token bigint)
returns boolean
language sql volatile parallel unsafe
begin atomic
  with released as (
    delete from mvm.lease as l where l.token = release_lease.token returning l.token
  )
  select exists (select from released);
end;

comment on function mvm.release_lease is 'Ends a lease; false when it was gone already';
