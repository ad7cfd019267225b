-- Where a file can be fetched: below the publisher's URL if a web server gives it out, else from the file
-- system, or from the object store that its own URL names.
create function mvm.file_url(file_path text)
returns text
language sql stable strict parallel safe
begin atomic
  select
    case
      when beginning.is_served then publisher.url_prefix
      when beginning.scheme <> '' then beginning.scheme
      else 'file://'
    end
    || coalesce(
      string_agg(
        case
          when letter.letter ~ '[A-Za-z0-9/._~-]' then letter.letter
          else upper(regexp_replace(encode(convert_to(letter.letter, 'UTF8'), 'hex'), '(..)', '%\1', 'g'))
        end,
        '' order by letter.place
      ),
      ''
    )
  from mvm.publisher
  cross join lateral (
    select coalesce(starts_with(file_url.file_path, publisher.path_prefix), false) as is_served,
      coalesce(substring(file_url.file_path from '^[a-z][a-z0-9+.-]*://'), '') as scheme
  ) as beginning
  left join lateral string_to_table(
    case
      when beginning.is_served then substr(file_url.file_path, length(publisher.path_prefix) + 1)
      else substr(file_url.file_path, length(beginning.scheme) + 1)
    end,
    null
  ) with ordinality as letter (letter, place) on true
  group by beginning.is_served, beginning.scheme, publisher.url_prefix;
end;

comment on function mvm.file_url is 'URL of a file, by the prefixes in mvm.publisher; file:// where no web server gives it out, or the URL of an object';
