-- Keeps a lease as it is until the end of the transaction: nobody takes it over meanwhile, nobody has before.
create function mvm.hold_lease(token bigint)
returns boolean
language sql volatile parallel unsafe
begin atomic
  with held as (
    select l.token from mvm.lease as l where l.token = hold_lease.token for update
  )
  select exists (select from held);
end;

comment on function mvm.hold_lease is
  'Locks a lease for this transaction; false when it is gone: taken over or released';
