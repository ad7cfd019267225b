-- What one gets who fetches a file of exposures or products.
create function mvm.media_type(file_path text)
returns text
language sql immutable strict parallel safe
return case when lower(file_path) like '%.gz' then 'application/gzip' else 'application/fits' end;

comment on function mvm.media_type is 'Media type of a file: FITS, or gzip where it is compressed';
