-- Lets nobody else write rows of products until the transaction ends, while reading goes on: for a rebuild of the
-- catalogue, which compares all of them with what it writes. A function, so that the right to rebuild can be granted.
create function mvm.lock_products()
returns void
language plpgsql volatile parallel unsafe
as $$
begin
  lock table mvm.product in share row exclusive mode;
end
$$;

comment on function mvm.lock_products is 'Locks the rows of products against other writers, to rebuild the catalogue';
