-- The selection that takes every exposure; it cannot be changed.
insert into mvm.selection (selection, description, created_by) values
  ('all', 'Every exposure', 'mvmdb')
on conflict (selection) do nothing;
