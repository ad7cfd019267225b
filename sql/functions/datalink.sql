-- What belongs to a dataset, as the {links} table of IVOA DataLink 1.1: the file itself, what it was made from or what
-- was made of it, and products that share exposures with it, earlier revisions among them. The vocabulary has no term for
-- revisions; #coderived is true of all of them. A revision whose file has been replaced, lost or damaged has an error in
-- place of a URL, and so has an unknown identifier.
-- requires: functions/dataset_id, functions/file_url, functions/media_type
create function ivoa.datalink(id text)
returns table (
  "ID" text, access_url text, service_def text, error_message text, semantics text, description text,
  content_type text, content_length bigint
)
language sql stable parallel safe rows 20
begin atomic
  with dataset as (
    select part[1] as kind, part[2] as name, part[3]::integer as revision
    from regexp_match(datalink.id, '^ivo://[^/?#]+/mvmdb\?(product|exposure)/(.+)/([0-9]{1,9})$') as part
    where mvm.dataset_id(part[1], part[2], part[3]::integer) = datalink.id
  ),
  product as not materialized (
    select
      p.product_id, p.product, p.revision, p.skycell, p.layer, p.state, p.file_path, p.file_size_bytes,
      p.file_state = 'in_place'
        and not exists (
          select
          from mvm.product as later
          where later.skycell = p.skycell
            and later.layer = p.layer
            and later.selection = p.selection
            and later.published_at is not null
            and later.product_id > p.product_id
            and later.file_path = p.file_path
        ) as is_there
    from mvm.product as p
    where p.published_at is not null
  ),
  exposure as not materialized (
    select
      e.exposure_id, e.rootname, e.revision, e.file_path,
      case when mvm.media_type(e.file_path) = 'application/fits' then e.file_size_bytes end as file_size_bytes
    from mvm.exposure as e
  ),
  this_product as (
    select p.product_id, p.product, p.revision, p.skycell, p.layer, p.state, p.file_path, p.file_size_bytes, p.is_there
    from dataset as d
    join product as p on d.kind = 'product' and p.product = d.name and p.revision = d.revision
  ),
  this_exposure as (
    select e.exposure_id, e.rootname, e.revision, e.file_path, e.file_size_bytes
    from dataset as d
    join exposure as e on d.kind = 'exposure' and e.rootname = d.name and e.revision = d.revision
  ),
  link as (
    select
      1 as place, '#this' as semantics, file_path, file_size_bytes, is_there,
      'Mosaic of layer ' || layer || ' of skycell ' || skycell || ', revision ' || revision as description
    from this_product
    union all
    select 1, '#this', file_path, file_size_bytes, true, 'Exposure ' || rootname || ', revision ' || revision
    from this_exposure
    union all
    select
      2, '#progenitor', e.file_path, e.file_size_bytes, true,
      'Exposure ' || e.rootname || ', revision ' || e.revision || ', which went into it'
    from exposure as e
    where e.exposure_id in (
      select i.exposure_id from this_product as p join mvm.product_input as i on i.product_id = p.product_id
    )
    union all
    select
      3, '#derivation', p.file_path, p.file_size_bytes, true,
      'Mosaic of layer ' || p.layer || ' of skycell ' || p.skycell || ', revision ' || p.revision || ', which it went into'
    from product as p
    where p.is_there
      and p.product_id in (
        select i.product_id from this_exposure as e join mvm.product_input as i on i.exposure_id = e.exposure_id
      )
    union all
    select
      4, '#coderived', p.file_path, p.file_size_bytes, true,
      'Mosaic of layer ' || p.layer || ' of skycell ' || p.skycell || ', revision ' || p.revision
        || case p.state when 'current' then '' else ', superseded' end || ', of some of the same exposures'
    from product as p
    where p.is_there
      and p.product_id in (
        select other.product_id
        from this_product as p
        join mvm.product_input as i on i.product_id = p.product_id
        join mvm.product_input as other on other.exposure_id = i.exposure_id
        where other.product_id <> p.product_id
      )
  )
  select
    datalink.id,
    case when link.is_there then mvm.file_url(link.file_path) end,
    null::text,
    case when not link.is_there then 'NotFoundFault: the file of this revision is replaced, lost or damaged' end,
    link.semantics,
    case when link.is_there then link.description end,
    case when link.is_there then mvm.media_type(link.file_path) end,
    case when link.is_there then link.file_size_bytes end
  from (
    select link.place, link.semantics, link.file_path, link.file_size_bytes, link.is_there, link.description
    from link
    where link.file_path is not null
    order by link.place, link.description
  ) as link
  union all
  select
    datalink.id, null, null,
    case
      when datalink.id like 'ivo://%' then 'NotFoundFault: ' || datalink.id || ' is no dataset of this publisher'
      else 'UsageFault: ' || coalesce(datalink.id, 'nothing') || ' is no IVOA identifier'
    end,
    '#this', null, null, null
  where not exists (select from this_product) and not exists (select from this_exposure);
end;

comment on function ivoa.datalink is
  'Links of a dataset by its obs_publisher_did, as IVOA DataLink 1.1: #this, #progenitor, #derivation, #coderived; an error in place of a link';
