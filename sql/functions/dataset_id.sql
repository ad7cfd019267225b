-- The name of a dataset in the Virtual Observatory. Each revision is a dataset of its own: its pixels never change.
create function mvm.dataset_id(kind text, name text, revision integer)
returns text
language sql stable strict parallel safe
begin atomic
  select
    'ivo://' || publisher.authority || '/mvmdb?' || dataset_id.kind || '/' || dataset_id.name || '/' || dataset_id.revision
  from mvm.publisher;
end;

comment on function mvm.dataset_id is
  'IVOA identifier of a revision: kind is product or exposure, name a file name or root name (obs_publisher_did)';
