-- The one row that says under which names products are published; what a user has put there stays.
insert into mvm.publisher (only_row) values (true) on conflict (only_row) do nothing;
