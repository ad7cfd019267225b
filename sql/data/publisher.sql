-- The one row that says under which names products are published; what a user has put there stays.
insert into mvm.publisher (authority, obs_collection) values ('example.org', 'HST-MVM') on conflict (only_row) do nothing;
