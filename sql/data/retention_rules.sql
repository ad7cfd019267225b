-- The rule that mvmdb ships: the newest former revision of every layer stays. An upgrade leaves alone what a user has
-- decided.
insert into mvm.retention_rule (skycell, layer, keep_newest, keep_days) values ('*', '*', 1, 0)
on conflict (skycell, layer) do nothing;
